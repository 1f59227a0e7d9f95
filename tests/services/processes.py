"""Processes that belong to a service, found in the process table and stopped by their id.

Each is started in a session of its own, with the name of its service in its environment. No file says what runs, so
none can be stale: what a killed `up` left behind is found the same way as what a finished one started.
"""

import os
import signal
import subprocess
import time
from pathlib import Path

MARK = "UNLABEL_SERVICE"


def start(directory: Path, name: str, *argv: str | Path, env: dict[str, str] | None = None) -> subprocess.Popen:
    """Starts a program in `directory`, which names the service; its words go to log/NAME.log there."""
    (directory / "log").mkdir(exist_ok=True)
    with open(directory / "log" / f"{name}.log", "ab") as log:
        return subprocess.Popen(
            [str(word) for word in argv],
            cwd=directory,
            env={**os.environ, **(env or {}), MARK: str(directory)},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def of(directory: Path) -> list[int]:
    """The ids of what runs for the service in `directory`, or for the services below it."""
    session = {}
    marked = set()
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            # After the name in parentheses: state, parent, group, session.
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
            environment = (entry / "environ").read_bytes()
        except OSError:
            continue
        pid = int(entry.name)
        if fields[0] in "ZX":
            continue
        session[pid] = int(fields[3])
        if _is_marked(environment, directory):
            marked.add(pid)
    # Some servers write over their environment; they share the session of one that does not.
    sessions = {session[pid] for pid in marked}
    return sorted(pid for pid in session if session[pid] in sessions)


def _is_marked(environment: bytes, directory: Path) -> bool:
    mark = os.fsencode(f"{MARK}={directory}")
    return any(entry == mark or entry.startswith(mark + b"/") for entry in environment.split(b"\0"))


def stop(directory: Path, patience: float = 10) -> None:
    """Asks all of the service to end, then ends what is left. Raises when something survives even that."""
    for number, seconds in ((signal.SIGTERM, patience), (signal.SIGKILL, 5)):
        deadline = time.monotonic() + seconds
        asked = set()
        while left := of(directory):
            for pid in set(left) - asked:
                _send(pid, number)
            asked.update(left)
            if time.monotonic() > deadline:
                break
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(f"{directory.name}: processes {left} do not end")


def _send(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass
