"""What every service has: a directory, ports, templates, and a way to tell whether it answers."""

import hashlib
import shutil
import string
import subprocess
import time
import urllib.error
import urllib.request
from functools import cache
from pathlib import Path
from typing import Callable

import processes
from ports import Ports

HERE = Path(__file__).parent


class Template(string.Template):
    """@{name}, since configuration files have their own use for the dollar sign."""

    delimiter = "@"


class Service:
    """One or more processes that are started, watched and stopped together."""

    name: str
    #: Services that this one leans on, and whose new start asks for one of this.
    needs: tuple["Service", ...] = ()
    #: Names of the ports it listens on.
    listens: tuple[str, ...] = ("http",)
    #: How many processes it has when all of it runs.
    processes = 1

    def __init__(self, root: Path, ports: Ports):
        self.root = root
        self.directory = root / self.name
        self.all_ports = ports
        self.ports = ports.known.get(self.name, {})
        #: Says by which version it was started, once everything is done: a start that was cut short is none.
        self.ready = self.directory / "ready"
        self.started: list[subprocess.Popen] = []

    def launch(self, await_needed: Callable[[], object]) -> None:
        """Writes the configuration and starts the processes, in an empty directory. What is called returns when the
        services answer that this one needs."""
        raise NotImplementedError

    def describe(self) -> dict:
        """What tests must know to use it."""
        raise NotImplementedError

    def probes(self) -> list[str]:
        """Addresses that answer when it is ready, with whatever status below 500."""
        return [self.url("http")]

    def prepare(self) -> None:
        """What is left to do once it answers: users, containers."""

    # What follows is the same for all.

    def url(self, port: str, path: str = "/") -> str:
        return f"http://127.0.0.1:{self.ports[port]}{path}"

    def python(self, venv: str) -> Path:
        return self.root / "venvs" / venv / "bin" / "python"

    def write(self, template: str, file: str | None = None, **values) -> Path:
        """Fills in a file of conf/."""
        path = self.directory / (file or template)
        path.write_text(Template((HERE / "conf" / template).read_text()).substitute(values, dir=self.directory))
        return path

    def start(self, name: str, *argv, **more) -> None:
        self.started.append(processes.start(self.directory, name, *argv, **more))

    def run(self, *argv, **more) -> str:
        """Runs a command to its end; its words are shown when it fails."""
        done = subprocess.run([str(word) for word in argv], cwd=self.directory, text=True, timeout=120, **more,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if done.returncode:
            raise RuntimeError(f"{argv[0]} failed with {done.returncode}:\n{done.stdout}{done.stderr}")
        return done.stdout

    def is_up(self) -> bool:
        return self.state() == "up"

    def state(self) -> str:
        """In a word."""
        try:
            started_by = self.ready.read_text()
        except OSError:
            return "down"
        if len(processes.of(self.directory)) < self.processes or not self.answers():
            return "down"
        return "up" if started_by == version() else "outdated"

    def answers(self) -> bool:
        return all(answers(url) for url in self.probes())

    def up(self, await_needed: Callable[[], object]) -> None:
        """Starts it afresh: whatever half of it runs is stopped, and what it held is forgotten."""
        processes.stop(self.directory)
        shutil.rmtree(self.directory, ignore_errors=True)
        self.directory.mkdir(parents=True)
        self.ports = self.all_ports.take(self.name, *self.listens)
        self.launch(await_needed)
        self.wait()
        self.prepare()
        self.ready.write_text(version())

    def wait(self, seconds: float = 90) -> None:
        deadline = time.monotonic() + seconds
        while not self.answers():
            if any(process.poll() is not None for process in self.started):
                raise RuntimeError(f"a process ended; see {self.directory}/log")
            if time.monotonic() > deadline:
                raise RuntimeError(f"no answer after {seconds} s; see {self.directory}/log")
            time.sleep(0.1)

    def down(self) -> None:
        processes.stop(self.directory)


@cache
def version() -> str:
    """A digest of all that decides what runs here."""
    digest = hashlib.sha256()
    for file in sorted(HERE.rglob("*.*")):
        if not file.name.startswith("check"):
            digest.update(file.read_bytes())
    return digest.hexdigest()


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


# Loopback is never reached through a proxy, whatever the environment says.
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}), NoRedirect)


def answers(url: str) -> bool:
    try:
        DIRECT.open(url, timeout=3).close()
        return True
    except urllib.error.HTTPError as error:
        return error.code < 500
    except OSError:
        return False
