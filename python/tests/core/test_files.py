"""Files to files."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import unlabel
from made import docx, files, properties, words

VARYING = ("committed", "elapsed_us", "worker")


def fixed(rows) -> list[dict[str, object]]:
    """What rows say of the work, and not of who did it when."""
    return [{key: value for key, value in row.items() if key not in VARYING} for row in rows]


def test_a_file_goes_to_another(tmp_path: Path) -> None:
    source, output = tmp_path / "a.docx", tmp_path / "new/b.docx"
    source.write_bytes(docx("Hello", id="8888", Owner="Ann"))
    row = unlabel.strip_file(source, output, labels={"id": "8888", "none": None}, digest=True)
    assert properties(output) == {"Owner": "Ann"} and words(output) == "Hello"
    import hashlib

    assert row == {
        "path": str(source),
        "output": str(output),
        "outcome": "stripped",
        "format": "ooxml",
        "bytes_in": source.stat().st_size,
        "bytes_out": output.stat().st_size,
        "removed": 1,
        "labels_missing": 1,
        "plan_digest": row["plan_digest"],
        "output_digest": hashlib.sha256(output.read_bytes()).hexdigest(),
        "committed": "new",
        "error_code": None,
        "reason": None,
        "elapsed_us": row["elapsed_us"],
        "worker": row["worker"],
    }
    assert len(row["plan_digest"] or "") == 64 and str(os.getpid()) in (row["worker"] or "")


def test_what_is_there_is_compared_or_replaced(tmp_path: Path) -> None:
    source, output = tmp_path / "a.docx", tmp_path / "b.docx"
    source.write_bytes(docx(id="8888"))
    first = unlabel.strip_file(source, output, labels=["id"])
    before = output.stat().st_mtime_ns
    again = unlabel.strip_file(source, output, labels=["id"], if_exists="skip")
    assert (first["committed"], again["committed"]) == ("new", "existing")
    assert fixed([first]) == fixed([again]) and output.stat().st_mtime_ns == before
    with pytest.raises(unlabel.ExistsError, match="another result"):
        unlabel.strip_file(source, output, labels=["none"], if_exists="skip")
    assert unlabel.strip_file(source, output, labels=["none"], if_exists="overwrite")["outcome"] == "clean"
    assert properties(output) == {"id": "8888"}


@pytest.mark.parametrize("write", ["atomic", "patch"])
def test_in_place(tmp_path: Path, write) -> None:
    path = tmp_path / "a.docx"
    path.write_bytes(docx("Hello", id="8888", Owner="Ann"))
    inode = path.stat().st_ino
    row = unlabel.strip_file(path, in_place=True, labels=["id"], write=write, sync="none")
    assert row["outcome"] == "stripped" and row["output"] == str(path)
    assert (path.stat().st_ino == inode) == (write == "patch")
    assert properties(path) == {"Owner": "Ann"}
    before = path.stat()
    row = unlabel.strip_file(path, in_place=True, labels=["id"], write=write)
    assert row["outcome"] == "clean" and row["output"] is None and row["committed"] is None
    assert path.stat().st_ctime_ns == before.st_ctime_ns
    for wrong in ({}, {"output": 1}):
        with pytest.raises(unlabel.UsageError, match="an output, or in_place"):
            unlabel.strip_file(path, *(["b"] if wrong else []), labels=["id"], in_place=bool(wrong))


@pytest.mark.parametrize("threads", [1, 3, None])
@pytest.mark.parametrize("sync", ["none", "file", "batch"])
def test_many_files_each_have_a_row_in_their_order(tree: Path, tmp_path: Path, threads, sync) -> None:
    paths = [*files(tree), str(tree / "missing.docx"), str(tmp_path / "outside.docx"), str(tree / "../in/d0/0.docx")]
    (tmp_path / "outside.docx").write_bytes(docx(id="1"))
    rows = list(unlabel.strip_files(paths, tmp_path / "out", root=tree, labels=["id"], threads=threads, sync=sync))
    assert [row["path"] for row in rows] == paths
    by_name = {os.path.relpath(row["path"], tree): row for row in rows[:-1]}
    assert by_name["clean.docx"]["outcome"] == "clean"
    assert by_name["odd.bin"]["outcome"] == "unsupported" and by_name["odd.bin"]["output"] is None
    assert by_name["missing.docx"]["error_code"] == "io"
    assert by_name["../outside.docx"]["error_code"] == "name" and "root" in by_name["../outside.docx"]["reason"]
    assert rows[-1]["error_code"] == "name" and ".." in (rows[-1]["reason"] or "")
    stripped = [row for row in rows if row["outcome"] == "stripped"]
    assert len(stripped) == 40
    for row in stripped:
        output = tmp_path / "out" / os.path.relpath(row["path"], tree)
        assert row["output"] == str(output) and list(properties(output)) == ["Owner"]
    assert len(files(tmp_path / "out")) == 41
    assert not [path for path in (tmp_path / "out").rglob(".*")], "nothing is left over"


def test_rows_of_a_repeated_run_are_equal(tree: Path, tmp_path: Path) -> None:
    run = lambda **more: list(unlabel.strip_files(files(tree), tmp_path / "out", root=tree, labels=["id"], **more))
    first = run()
    for again in (run(), run(threads=4, sync="file"), run(sync="none")):
        assert fixed(again) == fixed(first)
        assert {row["committed"] for row in again if row["output"]} == {"existing"}
    (tmp_path / "out/clean.docx").write_bytes(b"somebody else's")
    (odd,) = [row for row in run() if row["path"].endswith("clean.docx")]
    assert (odd["outcome"], odd["error_code"], odd["output"]) == ("failed", "exists", None)
    errors = run(if_exists="error")
    assert {row["error_code"] for row in errors} == {"exists", "unsupported"}
    assert fixed(run(if_exists="overwrite")) == fixed(first)


def test_an_output_belongs_to_one_job(tree: Path, tmp_path: Path) -> None:
    run = lambda out, **more: list(unlabel.strip_files(files(tree)[:5], tmp_path / out, root=tree, **more))
    assert {row["outcome"] for row in run("out", labels={"id": "8888", "x": None})} == {"clean", "stripped"}
    assert (tmp_path / "out/_job.json").is_file()
    before = {path: path.read_bytes() for path in (tmp_path / "out").rglob("*.docx")}
    run("out", labels={"x": None, "id": "8888"}, threads=3, sync="none")
    for other in (
        {"labels": {"id": "8888"}},
        {"labels": ["id", "x"]},
        {"labels": {"id": "8888", "x": None}, "layout": "compact"},
    ):
        with pytest.raises(unlabel.JobError, match="another job") as caught:
            run("out", **other)
        assert caught.value.kind == "job" and isinstance(caught.value, unlabel.UsageError)
    assert {path: path.read_bytes() for path in (tmp_path / "out").rglob("*.docx")} == before
    # What takes nothing that is there for its own is not bound.
    run("other", labels=["id"], if_exists="error")
    assert not (tmp_path / "other/_job.json").exists()
    (tree / "_job.json").write_text("{}")
    (row,) = unlabel.strip_files([tree / "_job.json"], tmp_path / "out2", root=tree, labels=["id"])
    assert row["error_code"] == "name"


def test_without_a_root_the_path_is_the_name(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/a.docx").write_bytes(docx(id="1"))
    rows = list(unlabel.strip_files(["sub/a.docx", "./sub/a.docx", tmp_path / "sub/a.docx"], "out", labels=["id"]))
    assert [row["output"] for row in rows] == ["out/sub/a.docx", "out/sub/a.docx", f"out{tmp_path}/sub/a.docx"]
    assert [row["committed"] for row in rows][1] in ("existing", "new")
    assert all(row["outcome"] == "stripped" for row in rows)


@pytest.mark.skipif(sys.platform == "win32", reason="names are text there")
def test_odd_names(tmp_path: Path) -> None:
    names = [b"a b.docx", b"new\nline.docx", b"-x.docx", "ü.docx".encode(), b"bad\xff.docx", b"%41.docx"]
    for name in names:
        (tmp_path / os.fsdecode(name)).write_bytes(docx(id="1"))
    paths = [tmp_path / os.fsdecode(name) for name in names]
    rows = list(unlabel.strip_files(paths, tmp_path / "out", root=tmp_path, labels=["id"]))
    assert all(row["outcome"] == "stripped" for row in rows), rows
    assert {*os.listdir(os.fsencode(tmp_path / "out"))} == {*names, b"_job.json"}
    assert rows[4]["path"].endswith("bad\ufffd.docx"), "reports are text"


def test_nothing_is_done_before_it_is_asked_for(tree: Path, tmp_path: Path) -> None:
    asked = 0

    def paths():
        nonlocal asked
        for path in files(tree) * 40:
            asked += 1
            yield path

    rows = unlabel.strip_files(paths(), tmp_path / "out", root=tree, labels=["id"], threads=1)
    assert asked == 0 and files(tmp_path / "out") == []
    next(rows)
    assert 1 <= asked <= 64
    with pytest.raises(unlabel.UsageError):
        unlabel.strip_files(paths(), tmp_path / "out", labels=[])


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="no signals here")
@pytest.mark.parametrize("fate", ["killed", "frozen"])
def test_a_worker_that_is_killed_or_frozen_does_no_harm(tree: Path, tmp_path: Path, fate: str) -> None:
    program = (
        "import sys, unlabel\n"
        "for row in unlabel.strip_files(sys.argv[3:] * 50, sys.argv[2], root=sys.argv[1], labels=['id'], threads=1):\n"
        "    print(row['outcome'], row['committed'], flush=True)\n"
    )
    paths = [path for path in files(tree) if path.endswith(".docx")]
    out = tmp_path / "out"
    worker = subprocess.Popen(
        [sys.executable, "-c", program, str(tree), str(out), *paths], stdout=subprocess.PIPE, text=True
    )
    # In the middle of the work: some results are there, and some are not.
    while not 0 < len(files(out)) < len(paths):
        assert worker.poll() is None
        time.sleep(0.001)
    worker.send_signal(signal.SIGKILL if fate == "killed" else signal.SIGSTOP)
    rows = list(unlabel.strip_files(paths, out, root=tree, labels=["id"]))
    assert {row["outcome"] for row in rows} == {"stripped", "clean"}
    assert files(out) == sorted(str(out / os.path.relpath(path, tree)) for path in paths)
    made = {path: os.stat(path).st_mtime_ns for path in files(out)}
    if fate == "frozen":
        worker.send_signal(signal.SIGCONT)
        said = worker.communicate(timeout=60)[0].splitlines()
        assert worker.returncode == 0 and len(said) == 50 * len(paths)
        assert not [line for line in said if line.startswith(("failed", "refused"))]
    else:
        worker.communicate()
    assert {path: (os.stat(path).st_mtime_ns) for path in files(out)} == made
    assert not [path for path in out.rglob(".*")]


def test_two_processes_race_and_each_result_is_made_once(tree: Path, tmp_path: Path) -> None:
    program = (
        "import sys, unlabel\n"
        "for row in unlabel.strip_files(sys.argv[3:], sys.argv[2], root=sys.argv[1], labels=['id'], sync='none'):\n"
        "    print(row['outcome'], row['committed'], row['path'])\n"
    )
    paths = [path for path in files(tree) if not path.endswith("odd.bin")]
    command = [sys.executable, "-c", program, str(tree), str(tmp_path / "out"), *paths]
    racers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    lines = [line.split(" ", 2) for racer in racers for line in racer.communicate()[0].splitlines()]
    assert [racer.returncode for racer in racers] == [0, 0]
    assert len(lines) == 82 and {line[0] for line in lines} == {"stripped", "clean"}
    assert sum(line[1] == "new" for line in lines) == 41 and sum(line[1] == "existing" for line in lines) == 41
    assert not [path for path in (tmp_path / "out").rglob(".*")]
