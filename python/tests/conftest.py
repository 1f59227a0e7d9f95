"""What tests share: real files, made ones, and the servers of scripts/services."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from made import ROOT, docx


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A directory ``in`` with forty labelled documents, a clean one, and one that no format treats."""
    root = tmp_path / "in"
    for number in range(40):
        path = root / f"d{number % 4}" / f"{number}.docx"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(docx(f"Text {number}", id="8888", Owner=f"Ann {number}"))
    (root / "clean.docx").write_bytes(docx("Clean", Owner="Ann"))
    (root / "odd.bin").write_bytes(b"\x00\x01 nothing that is known")
    return root


@pytest.fixture(scope="session")
def corpus() -> Path:
    """The real files, found as the tests in Rust find them."""
    named = os.environ.get("UNLABEL_CORPUS")
    places = [Path(named)] if named else [above / "shared/corpus" for above in ROOT.parents]
    for place in places:
        if (place / "LABELS.jsonl").is_file():
            return place
    pytest.fail(f"no corpus of real files: set UNLABEL_CORPUS, or put it at shared/corpus above {ROOT}")


@pytest.fixture(scope="session")
def services() -> dict[str, dict[str, object]]:
    """Where the real servers are."""
    place = Path(os.environ.get("UNLABEL_SERVICES", ROOT / "target/services/services.json"))
    if not place.is_file():
        pytest.fail(f"this test needs real servers: run `scripts/services up` ({place} is missing)")
    return json.loads(place.read_text())
