"""Takes chosen labels out of files, completely, and leaves every other byte alone.

>>> import unlabel
>>> cleaned = unlabel.strip(open("report.docx", "rb").read(), labels={"id": "8888"})   # doctest: +SKIP

What every function takes:

* ``labels``: a mapping of keys to values, where a value of ``None`` means any; or a list of rules as the command takes
  them: ``["id=8888", "MSIP_*", "@titus", "exif:Artist"]``.
* Files by path (``str`` or ``os.PathLike``) or by URL: ``s3://``, ``swift://``, ``oss://``, ``cos://``, ``https://``.
* Bytes as any contiguous buffer.
"""

from __future__ import annotations

import os
import platform
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypedDict, cast

from . import _unlabel
from ._errors import (
    ChangedError,
    ConflictError,
    DeniedError,
    EncryptedError,
    ExistsError,
    JobError,
    LimitError,
    MalformedError,
    NestedError,
    NetworkError,
    NotFoundError,
    PartialError,
    ProtectedError,
    RefusedError,
    SignedError,
    StorageError,
    UnlabelError,
    UnsupportedError,
    UnverifiedError,
    UsageError,
)
from ._unlabel import Edit, __version__

if TYPE_CHECKING:
    import pyarrow as pa
    from typing_extensions import Unpack

    from ._tables import T

    REPORT_SCHEMA: pa.Schema

__all__ = [
    "REPORT_DDL",
    "REPORT_SCHEMA",
    "ChangedError",
    "ConflictError",
    "DeniedError",
    "Edit",
    "EncryptedError",
    "ExistsError",
    "IfExists",
    "JobError",
    "Labels",
    "LimitError",
    "ListedLabel",
    "Listing",
    "MalformedError",
    "NestedError",
    "NetworkError",
    "NotFoundError",
    "Options",
    "PartialError",
    "ProtectedError",
    "RefusedError",
    "Report",
    "SignedError",
    "Site",
    "StorageError",
    "StorageOptions",
    "UnlabelError",
    "UnsupportedError",
    "UnverifiedError",
    "UsageError",
    "__version__",
    "list_labels",
    "plan",
    "strip",
    "strip_batch",
    "strip_batches",
    "strip_file",
    "strip_files",
]

StrPath = str | os.PathLike[str]
Labels = Mapping[str, str | None] | Iterable[str]
IfExists = Literal["error", "skip", "overwrite"]
Sync = Literal["none", "file", "batch"]
StorageOptions = Mapping[str, str] | Callable[[], Mapping[str, str]]
"""Settings and credentials of stores by the names of their variables; or a function that returns them, and is called
where the work is done."""


class Buffer(Protocol):
    """Anything that ``memoryview`` takes."""

    def __buffer__(self, flags: int, /) -> memoryview: ...


class Report(TypedDict):
    """What became of one file: a row of the report, the same wherever it was done."""

    path: str
    output: str | None
    outcome: Literal["clean", "stripped", "partial", "refused", "unsupported", "failed"]
    format: str | None
    bytes_in: int
    bytes_out: int
    removed: int
    labels_missing: int
    plan_digest: str | None
    output_digest: str | None
    committed: Literal["new", "existing"] | None
    error_code: str | None
    reason: str | None
    elapsed_us: int
    worker: str | None


class Options(TypedDict, total=False):
    """Which labels go beside ``labels``, and how: the options that every function takes."""

    all: bool
    """Every custom label goes."""
    keep: Iterable[str]
    """Rules that hold labels back, whatever else names them."""
    ignore_value: bool
    """Labels go whatever their value."""
    layout: Literal["preserve", "compact"]
    """``preserve``, the default, keeps the offset of every untouched byte; ``compact`` gives the smallest result."""
    proof: Literal["structural", "full"]
    """``full`` searches the whole document for what was removed, too. Default ``structural``."""
    allow_signed: bool
    """Signed files are edited, which breaks the signature."""
    allow_partial: bool
    """A result is delivered although some places of a label had to stay."""
    prune_empty: bool
    """Parts of office packages that become empty go."""
    recursive: bool
    """Files inside files are stripped, too."""


class _Site(TypedDict):
    address: str
    place: str
    offset: int


class Site(_Site, total=False):
    """One place where a label is written; ``barrier`` says why it cannot be removed."""

    barrier: str


class _ListedLabel(TypedDict):
    key: str
    kind: str
    sites: list[Site]


class ListedLabel(_ListedLabel, total=False):
    """A label with all its sites; without ``value`` where that is no text."""

    value: str


class Listing(TypedDict):
    """The labels of a file, and what stands in the way of edits, in words."""

    format: str
    labels: list[ListedLabel]
    guards: list[str]


# The columns of the report. Engines have no unsigned integers, and some no others than of 64 bits.
_TEXT, _NUMBER = "STRING", "BIGINT"
_COLUMNS = {
    "path": _TEXT,
    "output": _TEXT,
    "outcome": _TEXT,
    "format": _TEXT,
    "bytes_in": _NUMBER,
    "bytes_out": _NUMBER,
    "removed": _NUMBER,
    "labels_missing": _NUMBER,
    "plan_digest": _TEXT,
    "output_digest": _TEXT,
    "committed": _TEXT,
    "error_code": _TEXT,
    "reason": _TEXT,
    "elapsed_us": _NUMBER,
    "worker": _TEXT,
}

REPORT_DDL: str = ", ".join(f"{name} {kind}" for name, kind in _COLUMNS.items())
"""The columns of the report, as Spark's ``mapInArrow`` wants them."""

# A view of this many bytes that nobody can write to is read by ranges; a smaller one is copied.
_VIEW_FROM = 1 << 20

# Files in flight at a time where they wait for a network rather than for a processor.
_IN_FLIGHT = 16

_URL = re.compile(r"(?i)(s3|swift|oss|cos|https?)://")


def list_labels(
    source: StrPath | Buffer,
    /,
    *,
    name: str | None = None,
    all_kinds: bool = False,
    storage_options: StorageOptions | None = None,
) -> Listing:
    """The labels of a file, or of bytes.

    ``name`` is a file name whose extension helps where bytes do not tell their format. ``all_kinds`` lists the fields
    that the format itself defines, too.
    """
    import json

    listing = _unlabel.list_labels(_input(source), name, all_kinds, _settings(storage_options))
    return cast(Listing, json.loads(listing))


def strip(data: Buffer, /, *, labels: Labels = (), name: str | None = None, **options: Unpack[Options]) -> bytes:
    """The bytes without the labels. Clean ``bytes`` come back as they are.

    :raises UnlabelError: where not every chosen label is gone; each reason has its class
    """
    if isinstance(data, (str, os.PathLike)):
        raise UsageError("strip takes bytes: strip_file takes paths")
    return _engine(labels, options).strip(_input(data), name)


def plan(
    source: StrPath | Buffer,
    /,
    *,
    labels: Labels = (),
    name: str | None = None,
    storage_options: StorageOptions | None = None,
    **options: Unpack[Options],
) -> list[Edit]:
    """The edits that take the labels out of a file or of bytes: none where it is clean. Nothing is written.

    :raises UnlabelError: as :func:`strip`
    """
    return _engine(labels, options).plan(_input(source), name, _settings(storage_options))


def strip_file(
    source: StrPath,
    output: StrPath | None = None,
    /,
    *,
    labels: Labels = (),
    in_place: bool = False,
    write: Literal["atomic", "patch"] = "atomic",
    if_exists: IfExists = "error",
    sync: Literal["none", "file"] = "file",
    digest: bool = False,
    storage_options: StorageOptions | None = None,
    **options: Unpack[Options],
) -> Report:
    """Strips one file into another, or in place, all of it or nothing.

    :param output: a path or URL; or none, with ``in_place=True``
    :param write: in place, ``"patch"`` writes only the bytes that change, behind a journal
    :param if_exists: what to do where there is a file of that name; ``"skip"`` succeeds where it is this very result
    :param sync: ``"none"`` leaves out the syncing of the file and its directory
    :param digest: whether the report has the SHA-256 of the result, for which all of it is read
    :param options: which labels go, and how: see :class:`Options`
    :raises UnlabelError: where the file is not clean or stripped now, or not where it should be
    """
    if (output is None) != in_place:
        raise UsageError("strip_file wants an output, or in_place=True, and not both")
    job = _unlabel.Job(
        _engine(labels, options),
        None if output is None else os.fspath(output),
        None,
        exact=True,
        write=write,
        if_exists=if_exists,
        sync=sync,
        digest=digest,
        threads=1,
        worker=_worker(),
        settings=_settings(storage_options),
    )
    return _rows(job.run_one(os.fspath(source)))[0]


def strip_files(
    paths: Iterable[StrPath],
    output: StrPath,
    /,
    *,
    root: StrPath | None = None,
    labels: Labels = (),
    threads: int | None = None,
    if_exists: IfExists = "skip",
    sync: Sync = "batch",
    digest: bool = False,
    storage_options: StorageOptions | None = None,
    **options: Unpack[Options],
) -> Iterator[Report]:
    """Strips many files, and yields a report on each, in their order. What is wrong with a file is in its report.

    A file ``root/a/b`` goes to ``output/a/b``; without a root, the path itself is what follows the output. Work is done
    while the iterator is asked for more, some files ahead, and by no thread in between.

    :param threads: files at a time; by default as many as there are processors, or ``RAYON_NUM_THREADS``; with URLs 16
    :param sync: ``"batch"`` brings many files to the medium together, before they are reported
    """
    job = _job(labels, output, root, threads, 0, if_exists, sync, digest, storage_options, options)
    return _in_turn(job, iter(paths))


def _in_turn(job: _unlabel.Job, paths: Iterator[StrPath]) -> Iterator[Report]:
    """Does files in groups of about a second: more would make who watches wait, fewer would make threads wait."""
    count = 16
    while group := [os.fspath(path) for path in islice(paths, count)]:
        started = time.monotonic()
        rows = _rows(job.run(group))
        elapsed = time.monotonic() - started
        count = min(count * 2, 512) if elapsed < 0.5 else max(count // 2, 16) if elapsed > 2 else count
        yield from rows


def strip_batch(
    batch: T,
    /,
    *,
    output: str,
    root: str | None = None,
    labels: Labels = (),
    path_column: str = "path",
    threads: int | None = None,
    if_exists: IfExists = "skip",
    sync: Sync = "batch",
    digest: bool = False,
    storage_options: Callable[[], Mapping[str, str]] | None = None,
    **options: Unpack[Options],
) -> T:
    """Strips the files that a column of a table names, and answers with the report on them, a row for each.

    For engines: a pure function of its input but for the columns ``committed``, ``elapsed_us`` and ``worker``, however
    often and wherever it is run again. Whatever is wrong with a file is in its row. Made for ``functools.partial``.

    :param batch: a ``pyarrow.Table`` or ``pyarrow.RecordBatch``; only paths and URLs travel, never contents
    :param threads: files at a time; by default 1, for an engine runs a task on each processor, or
        ``RAYON_NUM_THREADS``; with URLs 16
    :param storage_options: a function, which is called where the work is done: values would end in plans and logs
    """
    from ._tables import report

    if storage_options is not None and not callable(storage_options):
        raise UsageError(
            "storage_options of strip_batch is a function that returns them: it is called where the work is done, and"
            " no secret ends in a plan or log"
        )
    job = _job(labels, output, root, threads, 1, if_exists, sync, digest, storage_options, options)
    return report(batch, path_column, job.run)


def strip_batches(batches: Iterable[T], /, **options: Any) -> Iterator[T]:
    """:func:`strip_batch` of each of several tables, as Spark's ``mapInArrow`` calls it."""
    for batch in batches:
        yield strip_batch(batch, **options)


def __getattr__(name: str) -> Any:
    if name == "REPORT_SCHEMA":
        from ._tables import schema

        return schema()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _job(
    labels: Labels,
    output: StrPath,
    root: StrPath | None,
    threads: int | None,
    processors: int,
    if_exists: IfExists,
    sync: Sync,
    digest: bool,
    storage_options: StorageOptions | None,
    options: Options,
) -> _unlabel.Job:
    places = [os.fspath(place) for place in (output, root) if place is not None]
    return _unlabel.Job(
        _engine(labels, options),
        places[0],
        None if root is None else places[1],
        exact=False,
        write="atomic",
        if_exists=if_exists,
        sync=sync,
        digest=digest,
        threads=_threads(threads, _IN_FLIGHT if any(map(_URL.match, places)) else processors),
        worker=_worker(),
        settings=_settings(storage_options),
    )


_DEFAULTS: Options = {
    "all": False,
    "keep": (),
    "ignore_value": False,
    "layout": "preserve",
    "proof": "structural",
    "allow_signed": False,
    "allow_partial": False,
    "prune_empty": False,
    "recursive": False,
}


def _engine(labels: Labels, options: Options) -> _unlabel.Engine:
    if unknown := sorted(options.keys() - _DEFAULTS.keys()):
        raise TypeError(f"unexpected keyword argument {unknown[0]!r}")
    known: dict[str, Any] = {**_DEFAULTS, **options}
    if isinstance(labels, str) or isinstance(known["keep"], str):
        # A text is a list of letters, too: each would be a rule.
        raise UsageError("labels and keep are lists of rules, not one text")
    literal = list(labels.items()) if isinstance(labels, Mapping) else []
    rules = [] if isinstance(labels, Mapping) else list(labels)
    return _unlabel.Engine(rules, literal, list(known.pop("keep")), **known)


def _input(source: StrPath | Buffer) -> Any:
    """What the native half takes: a path, ``bytes``, or a view of bytes that do not change."""
    if isinstance(source, (str, bytes, os.PathLike)):
        return source
    view = memoryview(cast(Any, source))
    if not view.c_contiguous:
        raise UsageError("the buffer is not contiguous")
    view = view.cast("B")
    is_fixed = view.readonly and memoryview(view.obj).readonly
    if is_fixed and view.nbytes >= _VIEW_FROM:
        return view
    # What can be written to must not change while other threads run.
    return view.tobytes()


def _settings(options: StorageOptions | None) -> dict[str, str]:
    if options is None:
        return {}
    return dict(options() if callable(options) else options)


def _threads(wanted: int | None, default: int) -> int:
    if wanted is not None:
        if wanted < 1:
            raise UsageError("threads is a number from 1")
        return wanted
    said = os.environ.get("RAYON_NUM_THREADS", "")
    return int(said) if said.isdigit() and int(said) else default


def _worker() -> str:
    return f"{platform.node()}:{os.getpid()}"


def _rows(columns: list[list[Any]]) -> list[Report]:
    return [cast(Report, dict(zip(_COLUMNS, row, strict=True))) for row in zip(*columns, strict=True)]
