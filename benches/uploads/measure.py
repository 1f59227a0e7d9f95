"""Runs a command, and says what it took."""

import os
import signal
import subprocess
import sys

# A process of its own, so that what this one takes is not counted.
WATCH = """
import resource, subprocess, sys, time
start = time.monotonic()
code = subprocess.run(sys.argv[1:], stdout=2).returncode
wall = time.monotonic() - start
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, code)
"""
#: Seconds after which a command hangs.
PATIENCE = 600


class Failed(Exception):
    """An upload that failed, or arrived otherwise than it should."""


def run(command: list, env: dict[str, str]) -> tuple[float, float, float]:
    """Wall seconds, CPU seconds, and peak memory in MiB of a command and what it starts."""
    words = [sys.executable, "-I", "-S", "-c", WATCH, *map(str, command)]
    watch = subprocess.Popen(words, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                             start_new_session=True)
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
    wall, cpu, mib, code = map(float, out.split())
    if code != 0:
        raise Failed(f"exit {code:.0f}: {words.strip()[-500:]}")
    return wall, cpu, mib
