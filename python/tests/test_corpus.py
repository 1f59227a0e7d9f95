"""Real files, judged by readers that are not ours."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import docx as python_docx
import pytest
import unlabel

# Formats that exiftool reads labels of, by family of the corpus.
FAMILIES = ("jpeg", "png", "pdf", "tiff", "ooxml_word")


def labelled(corpus: Path, family: str) -> list[tuple[Path, list[str]]]:
    rows = map(json.loads, (corpus / "LABELS.jsonl").read_text().splitlines())
    found = [
        (corpus / row["file"], row["keys"]) for row in rows if row["file"].startswith(f"{family}/") and row["keys"]
    ]
    return found[:40]


def seen(paths: list[Path]) -> dict[str, dict[str, object]]:
    """Everything that exiftool reads, by file."""
    program = shutil.which("exiftool")
    assert program, "this test needs exiftool: scripts/test install"
    done = subprocess.run([program, "-json", "-a", "-G1", "-struct", "-q", *map(str, paths)], stdout=subprocess.PIPE)
    return {row["SourceFile"]: row for row in json.loads(done.stdout or b"[]")}


@pytest.mark.parametrize("family", FAMILIES)
def test_all_custom_labels_of_real_files_go(corpus: Path, tmp_path: Path, family: str) -> None:
    files = [path for path, _ in labelled(corpus, family)]
    assert files, f"no labelled files of {family}"
    rows = list(unlabel.strip_files(files, tmp_path, root=corpus, all=True, threads=2, sync="none"))
    outcomes = Counter(row["outcome"] for row in rows)
    assert outcomes["failed"] == 0, [row for row in rows if row["outcome"] == "failed"]
    delivered = {row["path"]: Path(row["output"]) for row in rows if row["output"]}
    assert delivered, outcomes
    for path, output in delivered.items():
        listing = unlabel.list_labels(output)
        removable = [label for label in listing["labels"] if not all("barrier" in site for site in label["sites"])]
        assert not removable, (path, removable)
    before, after = seen([Path(path) for path in delivered]), seen(list(delivered.values()))
    for path, output in delivered.items():
        was, now = before[path], after[str(output)]
        assert "Error" not in now or "Error" in was, now
        # What the picture or the document is has not changed: its size, pages, words.
        for key in was:
            if key.split(":")[-1] in ("ImageWidth", "ImageHeight", "PageCount", "BitDepth", "ColorType", "FileType"):
                assert now.get(key) == was[key], (path, key)


def test_documents_say_what_they_said(corpus: Path, tmp_path: Path) -> None:
    files = [path for path, _ in labelled(corpus, "ooxml_word") if path.suffix == ".docx"]
    compared = 0
    for row in unlabel.strip_files(files, tmp_path, root=corpus, all=True, sync="none"):
        if row["outcome"] != "stripped":
            continue
        try:
            was = python_docx.Document(row["path"])
        except (KeyError, ValueError):
            continue  # One that this reader cannot open, labels or not.
        now = python_docx.Document(row["output"])
        assert [paragraph.text for paragraph in now.paragraphs] == [paragraph.text for paragraph in was.paragraphs]
        assert row["removed"] > 0 and row["bytes_in"] == row["bytes_out"]
        compared += 1
    assert compared >= 3
