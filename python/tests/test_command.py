"""The command and the package do the same, and say it in the same words."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
import unlabel
from core.test_files import VARYING
from made import ROOT, files


def test_the_command_and_the_package_share_a_job(tree: Path, tmp_path: Path) -> None:
    program = ROOT / "target/debug/unlabel"
    if not program.is_file():
        pytest.fail("this test needs the command: cargo build -p unlabel")
    command = [program, "strip", "-l", "id", "-l", "none", "--to", tmp_path / "out", "--if-exists", "skip", "--json"]
    done = subprocess.run([*map(str, command), "--digest", str(tree)], stdout=subprocess.PIPE, text=True)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    told = {line["path"]: line for line in lines if line["type"] == "file"}
    rows = list(unlabel.strip_files(files(tree), tmp_path / "out", root=tree, labels=["none", "id"], digest=True))
    assert len(rows) == len(told) == 42
    for row in rows:
        line = told[row["path"]]
        for column in set(row) - {*VARYING}:
            assert row[column] == line.get(column), (column, row, line)
        assert row["committed"] == ("existing" if line.get("committed") else None)
