"""Ray Data on a local cluster: whatever dies, the outputs are complete and the report has each file once."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from pathlib import Path

import psutil
from jobs import EXAMPLES

HERE = Path(__file__).parent

QUIET = {"RAY_ADDRESS": "local", "RAY_DATA_DISABLE_PROGRESS_BARS": "1", "RAY_USAGE_STATS_ENABLED": "0"}


def workers(of: int) -> list[psutil.Process]:
    """The processes that run tasks of a job, found among what its driver started."""
    found = []
    for process in psutil.Process(of).children(recursive=True):
        try:
            if any("MapBatches" in word for word in process.cmdline()):
                found.append(process)
        except psutil.Error:
            continue
    return found


def test_the_example_strips_a_tree(job, start) -> None:
    running = start(str(EXAMPLES / "ray_data.py"), *job.arguments(), **QUIET)
    assert running.wait(120) == 0
    rows = job.check()
    assert Counter(row["committed"] for row in rows) == {"new": len(job.paths)}


def test_a_worker_dies(job, start) -> None:
    running = start(str(HERE / "ray_job.py"), "plain", *job.arguments(), **QUIET)
    job.wait_for(0.3, running)
    end = time.monotonic() + 30
    while not (victims := workers(running.pid)):
        assert running.poll() is None and time.monotonic() < end, "no worker was seen"
    victims[0].send_signal(signal.SIGKILL)
    assert running.wait(120) == 0
    rows = job.check()
    # What the dead one had done is found, and told in the same words.
    assert {row["committed"] for row in rows} <= {"new", "existing"}


def test_a_node_dies(job, start) -> None:
    running = start(str(HERE / "ray_job.py"), "node", *job.arguments(), **QUIET)
    job.wait_for(0.3, running)
    os.kill(int(Path(f"{job.report}.node").read_text()), signal.SIGKILL)
    assert running.wait(150) == 0
    job.check()


def test_the_driver_dies_and_a_checkpoint_goes_on(job, start) -> None:
    command = [str(HERE / "ray_job.py"), "checkpoint", *job.arguments()]
    running = start(*command, **QUIET)
    job.wait_for(0.4, running)
    running.kill()
    running.wait()
    before = {path: os.stat(path).st_mtime_ns for path in map(str, job.output.rglob("*.docx"))}
    assert 0 < len(before) < len(job.paths)
    again = start(*command, **QUIET)
    assert again.wait(120) == 0
    rows = job.check()
    assert all(os.stat(path).st_mtime_ns == made for path, made in before.items()), "nothing is written twice"
    # The checkpoint left out what was reported; the rest of what was done was found.
    assert sum(row["committed"] == "existing" for row in rows) < len(before)
