"""Daft, on one machine."""

from __future__ import annotations

import shutil
import signal

from jobs import EXAMPLES

# Daft 0.7.26 ends one process in twenty by a signal when all is done, without this package, too: its threads let go of
# objects of an interpreter that is gone.
ENDS = (0, -signal.SIGABRT, -signal.SIGSEGV)


def test_the_example_strips_a_tree(job, start) -> None:
    assert start(str(EXAMPLES / "daft_frame.py"), *job.arguments(), DAFT_RUNNER="native").wait(120) in ENDS
    job.check()
    # Begun again it finds what it did.
    shutil.rmtree(job.report)
    assert start(str(EXAMPLES / "daft_frame.py"), *job.arguments(), DAFT_RUNNER="native").wait(120) in ENDS
    assert {row["committed"] for row in job.check()} == {"existing"}


LAZY = """
import sys, daft, pyarrow as pa, unlabel
manifest, root, output, report = sys.argv[1:]
row = daft.DataType.struct({field.name: daft.DataType.from_arrow_type(field.type) for field in unlabel.REPORT_SCHEMA})

@daft.func.batch(return_dtype=row, batch_size=500)
def strip(path: daft.Series):
    table = pa.table({"path": path.to_arrow()})
    return unlabel.strip_batch(table, labels={"id": "8888"}, root=root, output=output).to_struct_array().combine_chunks()

frame = daft.read_parquet(manifest).select(daft.col("path"), strip(daft.col("path")).alias("row"))
print(frame.count_rows())
"""


def test_what_nobody_reads_is_not_done(job, start) -> None:
    # Why the documentation wants the report written: engines leave out columns that are not needed.
    assert start("-c", LAZY, *job.arguments(), DAFT_RUNNER="native").wait(120) in ENDS
    assert job.done() == 0
