"""Threads of Python go on meanwhile, and a process may fork whenever it likes."""

from __future__ import annotations

import io
import os
import select
import subprocess
import sys
import threading
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import unlabel
from made import docx, files, properties


def test_other_threads_go_on(tmp_path: Path) -> None:
    out = io.BytesIO(docx(id="8888"))
    with zipfile.ZipFile(out, "a", zipfile.ZIP_DEFLATED) as package:
        for number in range(4):
            package.writestr(f"{number}.xml", b"<a>%s</a>" % os.urandom(4 << 20).hex().encode())
    content = out.getvalue()
    turns, done = 0, threading.Event()

    def count() -> None:
        nonlocal turns
        while not done.is_set():
            turns += 1
            time.sleep(0.001)

    counter = threading.Thread(target=count)
    counter.start()
    started, before = time.monotonic(), turns
    unlabel.strip(content, labels=["id"], proof="full")
    elapsed = time.monotonic() - started
    counted = turns - before
    done.set()
    counter.join()
    assert elapsed > 0.02, "too quick to tell"
    assert counted > elapsed / 0.001 / 50, f"{counted} turns in {elapsed:.3f} s"


def test_many_threads_at_once() -> None:
    documents = [docx(f"Text {number}", id=str(number), Owner="Ann") for number in range(200)]
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda content: unlabel.strip(content, labels=["id"]), documents))
    assert all(properties(result) == {"Owner": "Ann"} for result in results)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_fork_after_use_works_in_both(tree: Path, tmp_path: Path) -> None:
    def use(name: str) -> int:
        # Threads of their own, and the runtime of the network, which finds nobody there.
        rows = list(unlabel.strip_files(files(tree), tmp_path / name, root=tree, labels=["id"], threads=3))
        far = list(
            unlabel.strip_files(
                ["s3://b/k"],
                tmp_path / name,
                labels=["id"],
                storage_options={
                    "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
                    "AWS_ACCESS_KEY_ID": "a",
                    "AWS_SECRET_ACCESS_KEY": "b",
                    "AWS_REGION": "us-east-1",
                },
            )
        )
        assert far[0]["error_code"] == "network", far
        return sum(row["outcome"] == "stripped" for row in rows)

    assert use("parent") == 40
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writer, b"%d" % use("child"))
        finally:
            os._exit(0)
    os.close(writer)
    ready, _, _ = select.select([reader], [], [], 60)
    if not ready:
        os.kill(child, 9)
    os.waitpid(child, 0)
    assert ready, "the child hangs"
    assert os.read(reader, 9) == b"40"
    assert use("parent again") == 40


def threads_used(tree: Path, output: Path, call: str, **environment: str) -> int:
    """The most threads that a call had, watched from inside."""
    program = f"""
import os, sys, threading, unlabel
most, done = 0, threading.Event()
def watch():
    global most
    while not done.is_set():
        most = max(most, len(os.listdir("/proc/self/task")))
watcher = threading.Thread(target=watch)
watcher.start()
paths = sys.argv[3:]
{call}
done.set()
watcher.join()
print(most - 2)
"""
    command = [sys.executable, "-c", program, str(tree), str(output), *files(tree) * 10]
    environment = {**os.environ, **environment}
    return int(subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True, text=True).stdout)


@pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="threads are counted by what Linux says of them")
def test_threads_are_as_many_as_wanted(tree: Path, tmp_path: Path) -> None:
    call = "list(unlabel.strip_files(paths, sys.argv[2], root=sys.argv[1], labels=['id'], sync='none'%s))"
    assert threads_used(tree, tmp_path / "a", call % ", threads=1") == 0
    # Those of the last group may still be on their way out while those of the next one begin.
    assert threads_used(tree, tmp_path / "b", call % ", threads=5") in range(5, 11)
    assert threads_used(tree, tmp_path / "c", call % "", RAYON_NUM_THREADS="7") in range(7, 15)
    assert threads_used(tree, tmp_path / "d", call % ", threads=2", RAYON_NUM_THREADS="7") in range(2, 5)
    assert threads_used(tree, tmp_path / "e", "unlabel.strip(open(paths[0], 'rb').read(), labels=['id'])") == 0
    with pytest.raises(unlabel.UsageError, match="from 1"):
        unlabel.strip_files([], tmp_path, labels=["id"], threads=0)
