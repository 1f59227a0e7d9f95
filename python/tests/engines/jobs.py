"""A manifest of many files, and what must be true when a job over them is done."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet as parquet
from made import ROOT, docx, files, properties

EXAMPLES = ROOT / "python/examples"

# Of every ten files one is clean.
COUNT = 2000


class Job:
    """A job over many documents: where its parts are, and whether all of it is done."""

    def __init__(self, place: Path, count: int) -> None:
        self.root, self.output, self.report = place / "in", place / "out", place / "report"
        self.manifest = place / "manifest"
        self.manifest.mkdir(parents=True)
        labelled = docx("Hello", id="8888", Owner="Ann")
        clean = docx("Hello", Owner="Ann")
        self.paths = []
        for number in range(count):
            path = self.root / f"d{number % 10}" / f"{number}.docx"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(clean if number % 10 == 7 else labelled)
            self.paths.append(str(path))
        parquet.write_table(pa.table({"path": self.paths}), self.manifest / "0.parquet")

    def arguments(self) -> list[str]:
        return [str(place) for place in (self.manifest, self.root, self.output, self.report)]

    def done(self) -> int:
        """How many results are there."""
        return len(files(self.output)) if self.output.exists() else 0

    def wait_for(self, share: float, running: subprocess.Popen[bytes], seconds: float = 120) -> None:
        end = time.monotonic() + seconds
        while self.done() < share * len(self.paths):
            assert running.poll() is None, "the job was over too soon"
            assert time.monotonic() < end, f"only {self.done()} results after {seconds} s"
            time.sleep(0.02)

    def rows(self) -> list[dict[str, object]]:
        return pyarrow.dataset.dataset(self.report, format="parquet").to_table().to_pylist()

    def check(self) -> list[dict[str, object]]:
        """All outputs are there and right, nothing else is, and the report has each file once."""
        rows = self.rows()
        assert len(rows) == len(self.paths), f"{len(rows)} rows"
        assert sorted(row["path"] for row in rows) == sorted(self.paths)
        outputs = set(files(self.output))
        assert len(outputs) == len(self.paths)
        for row in rows:
            number = int(Path(row["path"]).stem)
            assert row["outcome"] == ("clean" if number % 10 == 7 else "stripped"), row
            assert row["output"] in outputs and row["committed"] in ("new", "existing")
        for output in outputs:
            assert list(properties(output)) == ["Owner"]
        return rows
