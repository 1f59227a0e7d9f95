"""Tables in, tables out, as engines call it."""

from __future__ import annotations

import os
import pickle
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest
import unlabel
from core.test_files import VARYING, fixed
from made import docx, files, properties


def test_a_table_of_paths_becomes_one_of_reports(tree: Path, tmp_path: Path) -> None:
    paths = files(tree)
    table = pa.table({"extra": range(len(paths)), "path": paths})
    report = unlabel.strip_batch(table, labels=["id"], root=str(tree), output=str(tmp_path / "out"))
    assert isinstance(report, pa.Table) and report.schema == unlabel.REPORT_SCHEMA
    assert report["path"].to_pylist() == paths
    assert report["outcome"].to_pylist().count("stripped") == 40
    for row in report.to_pylist():
        if row["outcome"] == "stripped":
            assert row["output"] == str(tmp_path / "out" / os.path.relpath(row["path"], tree))
            assert list(properties(row["output"])) == ["Owner"]


def test_the_same_rows_as_without_tables(tree: Path, tmp_path: Path) -> None:
    paths = files(tree)
    table = unlabel.strip_batch(
        pa.table({"path": paths}), labels=["id"], root=str(tree), output=str(tmp_path / "a"), digest=True
    )
    rows = list(unlabel.strip_files(paths, tmp_path / "b", root=tree, labels=["id"], digest=True))
    for row in rows:
        if row["output"]:
            row["output"] = row["output"].replace(f"{tmp_path}/b/", f"{tmp_path}/a/")
    assert fixed(table.to_pylist()) == fixed(rows)
    again = unlabel.strip_batch(
        pa.table({"path": paths}), labels=["id"], root=str(tree), output=str(tmp_path / "a"), digest=True
    )
    assert again.drop_columns(list(VARYING)).equals(table.drop_columns(list(VARYING)))


def test_batches_and_every_type_of_text(tree: Path, tmp_path: Path) -> None:
    paths = [path for path in files(tree) if path.endswith("docx")]
    strip = partial(unlabel.strip_batches, labels=["id"], root=str(tree), output=str(tmp_path), path_column="p")
    kinds = [pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int32(), pa.string())]
    batches = [pa.record_batch({"p": pa.array(paths).cast(kind)}) for kind in kinds]
    reports = list(strip(iter(batches)))
    assert all(isinstance(report, pa.RecordBatch) for report in reports)
    assert [len(report) for report in reports] == [41] * 4
    assert {*reports[0]["committed"].to_pylist()} == {"new"}
    assert {*reports[3]["committed"].to_pylist()} == {"existing"}
    chunked = pa.chunked_array([pa.array(paths[:3]), pa.array(paths[3:])])
    assert len(next(strip([pa.table({"p": chunked})]))) == 41
    assert len(next(strip([pa.table({"p": pa.array([], pa.string())})]))) == 0


def test_no_file_ends_a_batch(tree: Path, tmp_path: Path) -> None:
    (tree / "locked.docx").write_bytes(docx(id="1"))
    (tree / "broken.docx").write_bytes(docx(id="1")[:-5])
    odd = [None, "", "nothing", str(tree), "/", "s3://", "https://[", "swift://c/k", str(tree / "broken.docx"), "\0"]
    report = unlabel.strip_batch(
        pa.table({"path": pa.array([*odd, str(tree / "locked.docx")])}),
        labels=["id"],
        root=str(tree),
        output=str(tmp_path / "out"),
    )
    rows = report.to_pylist()
    assert len(rows) == 11 and rows[-1]["outcome"] == "stripped"
    for row in rows[:-1]:
        assert row["outcome"] == "failed" and row["error_code"] and row["reason"], row
        assert row["output"] is None and row["committed"] is None and row["removed"] == 0


def test_what_is_wrong_with_the_job_is_said_at_once(tmp_path: Path) -> None:
    table = pa.table({"path": ["a"]})
    call = partial(unlabel.strip_batch, labels=["id"], root="/r", output=str(tmp_path))
    with pytest.raises(unlabel.UsageError, match="no column 'path'"):
        call(pa.table({"name": ["a"]}))
    with pytest.raises(unlabel.UsageError, match="pyarrow.Table"):
        call({"path": ["a"]})
    with pytest.raises(unlabel.UsageError, match="no label named"):
        call(table, labels=[])
    with pytest.raises(TypeError, match="in_place"):
        call(table, in_place=True)
    with pytest.raises(unlabel.UsageError, match="no secret ends in a plan"):
        call(table, storage_options={"AWS_SECRET_ACCESS_KEY": "hush"})


def options() -> dict[str, str]:
    return {"UNLABEL_HTTP_BEARER": "hush"}


def test_calls_can_be_sent_to_workers(tree: Path, tmp_path: Path) -> None:
    call = partial(
        unlabel.strip_batch, labels={"id": "8888"}, root=str(tree), output=str(tmp_path), storage_options=options
    )
    assert b"hush" not in pickle.dumps(call) and "hush" not in repr(call)
    sent = pickle.loads(pickle.dumps(call))
    assert sent(pa.table({"path": files(tree)[:3]}))["outcome"].to_pylist() == ["clean", "stripped", "stripped"]


def test_the_schema_is_made_of_what_every_engine_has() -> None:
    kinds = {field.name: str(field.type) for field in unlabel.REPORT_SCHEMA}
    assert list(kinds) == list(unlabel.Report.__annotations__)
    assert {*kinds.values()} == {"string", "int64"}
    said = [column.split(" ") for column in unlabel.REPORT_DDL.split(", ")]
    assert [(name, {"STRING": "string", "BIGINT": "int64"}[kind]) for name, kind in said] == list(kinds.items())
    with pytest.raises(AttributeError):
        unlabel.REPORT_SCHEME  # type: ignore[attr-defined]


def test_the_report_goes_through_parquet_and_back(tree: Path, tmp_path: Path) -> None:
    import pyarrow.parquet as parquet

    report = unlabel.strip_batch(
        pa.table({"path": files(tree)}), labels=["id"], root=str(tree), output=str(tmp_path / "out")
    )
    parquet.write_table(report, tmp_path / "report.parquet")
    assert parquet.read_table(tmp_path / "report.parquet").equals(report)


def test_a_view_of_arrow_is_read(tmp_path: Path) -> None:
    content = docx(id="8888")
    want = unlabel.strip(content, labels=["id"])
    assert unlabel.strip(pa.py_buffer(content), labels=["id"]) == want
    (tmp_path / "a").write_bytes(content + bytes(0))
    with pa.memory_map(str(tmp_path / "a")) as mapped:
        assert unlabel.strip(mapped.read_buffer(), labels=["id"]) == want
    scalar = pa.array([content], pa.binary())[0]
    assert unlabel.strip(scalar.as_buffer(), labels=["id"]) == want


def test_what_is_done_is_left_out_by_a_join(tree: Path, tmp_path: Path) -> None:
    manifest = pa.table({"path": files(tree)})
    call = partial(unlabel.strip_batch, labels=["id"], root=str(tree), output=str(tmp_path / "out"))
    done = call(manifest.slice(0, 30))
    done = done.filter(pc.not_equal(done["outcome"], "failed"))
    rest = manifest.join(done.select(["path"]), "path", join_type="left anti")
    assert rest.num_rows == 12
    assert not {*call(rest)["path"].to_pylist()} & {*done["path"].to_pylist()}
    assert len(files(tmp_path / "out")) == 41
