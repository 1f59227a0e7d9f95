"""Spark with mapInArrow: a worker that dies is done again."""

from __future__ import annotations

import shutil
import signal
import sys
import time
from pathlib import Path

import psutil
import pytest
from jobs import EXAMPLES

HERE = Path(__file__).parent

# One node, two tasks at a time, each tried up to four times: with `local[2]` the first death ends the job.
LOCAL = {
    "PYSPARK_PYTHON": sys.executable,
    "PYSPARK_SUBMIT_ARGS": "--master local[2,4] --conf spark.ui.enabled=false pyspark-shell",
}


@pytest.fixture(autouse=True)
def java() -> None:
    assert shutil.which("java"), "Spark needs Java: scripts/test install"


def is_daemon(process: psutil.Process) -> bool:
    try:
        return "pyspark.daemon" in " ".join(process.cmdline())
    except psutil.Error:
        return False


def test_the_example_strips_a_tree(job, start) -> None:
    assert start(str(EXAMPLES / "spark_arrow.py"), *job.arguments(), **LOCAL).wait(240) == 0
    job.check()


def test_a_worker_dies(job, start) -> None:
    running = start(str(HERE / "spark_job.py"), *job.arguments(), **LOCAL)
    job.wait_for(0.3, running)
    end = time.monotonic() + 30
    victims: list[psutil.Process] = []
    while not victims:
        assert running.poll() is None and time.monotonic() < end, "no worker was seen"
        found = psutil.Process(running.pid).children(recursive=True)
        # The daemon forks the workers: those have no children of their own.
        victims = [process for process in found if is_daemon(process) and not process.children()]
    victims[0].send_signal(signal.SIGKILL)
    assert running.wait(240) == 0
    job.check()
