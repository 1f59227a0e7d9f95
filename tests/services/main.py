"""Starts, stops and describes the services of the tests: main.py up|down|status ROOT. Called by scripts/services."""

import json
import sys
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import processes
from keystone import Keystone
from nginx import Nginx
from ports import Ports
from python_servers import Cos, Oss, Receiver
from rgw import Rgw
from service import Service
from swift import SmallSwift, Swift


def services(root: Path) -> list[Service]:
    """All of them; one that needs another comes after it."""
    ports = Ports(root / "ports.json")
    swift = Swift(root, ports)
    others = [kind(root, ports) for kind in (SmallSwift, Rgw, Nginx, Receiver, Oss, Cos)]
    return [swift, *others, Keystone(root, ports, swift)]


def up(root: Path) -> bool:
    began = time.monotonic()
    everything = services(root)
    with ThreadPoolExecutor(len(everything)) as pool:
        runs = dict(zip(everything, pool.map(Service.is_up, everything)))
        missing = [one for one in everything if not runs[one] or any(not runs[needed] for needed in one.needs)]
        file = root / "services.json"
        if missing:
            file.unlink(missing_ok=True)
        started: dict[Service, Future] = {}
        for one in missing:
            started[one] = pool.submit(bring_up, one, [started[needed] for needed in one.needs if needed in started])
    failed = [one for one in missing if started[one].exception()]
    for one in failed:
        error = started[one].exception()
        say(f"{one.name} is not up: {type(error).__name__}: {error}")
    if failed:
        return False
    if missing or not file.exists():
        file.write_text(json.dumps({one.name: one.describe() for one in everything}, indent=2) + "\n")
    names = " ".join(one.name for one in missing) if missing else "nothing to do"
    say(f"up after {time.monotonic() - began:.1f} s: {names}; see {file}")
    return True


def bring_up(one: Service, needed: list[Future]) -> None:
    began = time.monotonic()
    one.up(lambda: [other.result() for other in needed])
    say(f"{one.name} answers after {time.monotonic() - began:.1f} s")


def down(root: Path) -> bool:
    (root / "services.json").unlink(missing_ok=True)
    processes.stop(root)
    say("down, no process is left")
    return True


def status(root: Path) -> bool:
    states = {one: one.state() for one in services(root)}
    for one, state in states.items():
        print(f"{one.name:<12} {state:<9} {len(processes.of(one.directory))} processes  "
              f"{' '.join(f'{name}:{port}' for name, port in one.ports.items())}")
    return all(state == "up" for state in states.values())


printing = threading.Lock()


def say(words: str) -> None:
    with printing:
        print(f"services: {words}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    command, directory = sys.argv[1:]
    todo = {"up": up, "down": down, "status": status}[command]
    sys.exit(0 if todo(Path(directory).resolve()) else 1)
