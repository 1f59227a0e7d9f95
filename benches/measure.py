"""Runs a command, and says what it took."""

import os
import signal
import subprocess
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
#: Where cargo leaves what it builds.
RELEASE = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release"
EXAMPLES = RELEASE / "examples"
#: Seconds after which a command hangs.
PATIENCE = 600


class Failed(Exception):
    """A command that failed, or whose result is other than it should be."""


class Usage(NamedTuple):
    """What a command and what it starts took."""
    wall: float
    """Seconds."""
    cpu: float
    """Seconds, of user and system."""
    mib: float
    """Peak memory of the largest process."""
    written: float
    """Bytes written to files on disk."""


def build(*examples: str):
    """Builds programs of `benches/examples`. `run` needs `watch`."""
    names = [word for example in examples for word in ("--example", example)]
    subprocess.run(["cargo", "build", "-q", "--release", "-p", "unlabel-benches", *names], cwd=ROOT, check=True)


def run(command: list, env: dict[str, str]) -> Usage:
    """Runs a command to its end."""
    watch = subprocess.Popen([EXAMPLES / "watch", *map(str, command)], env=env, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, text=True, start_new_session=True)
    try:
        out, words = watch.communicate(timeout=PATIENCE)
    except BaseException as error:
        # Nothing goes on sending when this is interrupted.
        os.killpg(watch.pid, signal.SIGKILL)
        watch.wait()
        if isinstance(error, subprocess.TimeoutExpired):
            raise Failed(f"not done after {PATIENCE} s") from None
        raise
    if not out:
        raise Failed(words.strip()[-500:])
    wall, cpu, kib, written, code = map(float, out.split())
    if code != 0:
        raise Failed(f"exit {code:.0f}: {words.strip()[-500:]}")
    return Usage(wall, cpu / 1e6, kib / 1024, written)
