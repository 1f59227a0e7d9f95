"""What the tests of engines share."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from jobs import COUNT, Job


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return Job(tmp_path, COUNT)


@pytest.fixture
def start():
    """Starts programs, each with what it starts in a group of its own, and ends those that still run."""
    started: list[subprocess.Popen[bytes]] = []

    def start(*command: str, **environment: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, *command], env={**os.environ, **environment}, start_new_session=True
        )
        started.append(process)
        return process

    yield start
    for process in started:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        process.wait()
