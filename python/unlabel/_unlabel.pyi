from os import PathLike
from typing import Any, final

__all__ = ["Edit", "Engine", "Job", "__version__", "list_labels"]

__version__: str

@final
class Engine:
    def __new__(
        cls,
        rules: list[str],
        labels: list[tuple[str, str | None]],
        keep: list[str],
        *,
        all: bool,
        ignore_value: bool,
        layout: str,
        proof: str,
        allow_signed: bool,
        allow_partial: bool,
        prune_empty: bool,
        recursive: bool,
    ) -> Engine: ...
    def strip(self, data: bytes | memoryview, name: str | None) -> bytes: ...
    def plan(
        self, source: str | PathLike[str] | bytes | memoryview, name: str | None, settings: dict[str, str]
    ) -> list[Edit]: ...

@final
class Edit:
    """One range of the input, and what takes its place."""

    @property
    def start(self) -> int:
        """Where the range starts, in bytes."""

    @property
    def end(self) -> int:
        """Where it ends."""

    @property
    def replacement(self) -> bytes:
        """The bytes that take its place, made when they are asked for."""

    def __len__(self) -> int: ...

@final
class Job:
    def __new__(
        cls,
        engine: Engine,
        output: str | PathLike[str] | None,
        root: str | PathLike[str] | None,
        *,
        exact: bool,
        write: str,
        if_exists: str,
        sync: str,
        digest: bool,
        threads: int,
        worker: str,
        settings: dict[str, str],
    ) -> Job: ...
    def run(self, paths: list[str]) -> list[list[Any]]: ...
    def run_one(self, path: str | PathLike[str]) -> list[list[Any]]: ...

def list_labels(
    source: str | PathLike[str] | bytes | memoryview, name: str | None, all_kinds: bool, settings: dict[str, str]
) -> str: ...
