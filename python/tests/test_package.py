"""What the package says of itself is so."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import unlabel
from made import ROOT


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True)


def test_the_stub_is_what_the_module_has() -> None:
    done = run(sys.executable, "-m", "mypy.stubtest", "unlabel._unlabel")
    assert done.returncode == 0, done.stdout + done.stderr


def test_types_hold(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mypy", "--strict", "--disable-error-code", "import-untyped"]
    command += ["--cache-dir", str(tmp_path)]
    done = run(*command, "--python-version", "3.10", str(Path(unlabel.__file__).parent))
    assert done.returncode == 0, done.stdout
    (tmp_path / "use.py").write_text(
        "import unlabel\n"
        "row = unlabel.strip_file('a', 'b', labels={'id': None}, layout='compact')\n"
        "reveal_type(row['removed'])\n"
        "unlabel.strip(b'', labels=['id'], layout='tight')\n"
    )
    done = run(*command, str(tmp_path / "use.py"))
    assert 'Revealed type is "int"' in done.stdout or "builtins.int" in done.stdout
    assert "use.py:4" in done.stdout and "Found 1 error" in done.stdout


def test_it_is_imported_without_pyarrow() -> None:
    program = (
        "import sys, unlabel; assert 'pyarrow' not in sys.modules; unlabel.REPORT_SCHEMA; print(sys.modules.keys())"
    )
    assert "pyarrow" in run(sys.executable, "-c", program).stdout


def test_every_name_is_there_and_has_a_description() -> None:
    for name in unlabel.__all__:
        it = getattr(unlabel, name)
        if callable(it) and it.__module__ and it.__module__.startswith("unlabel"):
            assert it.__doc__, name
    assert unlabel.__version__ == re.search(r'\nversion = "(.+)"', (ROOT / "Cargo.toml").read_text())[1]


@pytest.mark.parametrize("page", ["docs/python.md", "README.md"])
def test_examples_of_the_documentation_run(page: str, tmp_path: Path, monkeypatch) -> None:
    """Those between ```python lines that do not need an engine, one after the other, in a directory with the examples."""
    import shutil

    shutil.copytree(ROOT / "examples", tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    text = (ROOT / page).read_text()
    examples = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert examples
    names: dict[str, object] = {}
    for example in examples:
        if re.search(r"\b(ray|spark|daft|s3|swift)\b", example):
            compile(example, page, "exec")
            continue
        exec(compile(example, page, "exec"), names)
