"""Tables of pyarrow, which is imported where they are used and nowhere else."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar, cast

import pyarrow as pa

from . import _COLUMNS, _NUMBER, UsageError

T = TypeVar("T", pa.Table, pa.RecordBatch)


@cache
def schema() -> pa.Schema:
    """The columns of the report."""
    kinds = {name: pa.int64() if kind == _NUMBER else pa.string() for name, kind in _COLUMNS.items()}
    return pa.schema(list(kinds.items()))


def report(batch: T, column: str, run: Callable[[list[str]], list[list[Any]]]) -> T:
    """The report on the files that a column names, as a table of the same type."""
    if not isinstance(batch, (pa.Table, pa.RecordBatch)):
        raise UsageError(f"a pyarrow.Table or RecordBatch is wanted, not {type(batch).__name__}")
    if column not in batch.schema.names:
        raise UsageError(f"the table has no column {column!r}: its columns are {', '.join(batch.schema.names)}")
    # A path that is missing is one that names no file, and has its row like any other.
    paths = ["" if path is None else path for path in batch.column(column).to_pylist()]
    arrays = [pa.array(values, type=field.type) for values, field in zip(run(paths), schema(), strict=True)]
    return cast(T, type(batch).from_arrays(arrays, schema=schema()))
