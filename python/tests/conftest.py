"""What tests share: real files, made ones, and the servers of scripts/services."""

from __future__ import annotations

import io
import json
import os
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

NAMESPACE = "http://schemas.openxmlformats.org/officeDocument/2006/custom-properties"
TYPES = "http://schemas.openxmlformats.org/package/2006/content-types"
RELATIONSHIPS = "http://schemas.openxmlformats.org/package/2006/relationships"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
CUSTOM = "application/vnd.openxmlformats-officedocument.custom-properties+xml"


def docx(text: str = "Hello", **labels: str) -> bytes:
    """A document with a paragraph and custom properties."""
    properties = "".join(
        f'<property fmtid="{{D5CDD505-2E9C-101B-9397-08002B2CF9AE}}" pid="{number}" name="{key}">'
        f"<vt:lpwstr>{value}</vt:lpwstr></property>"
        for number, (key, value) in enumerate(labels.items(), start=2)
    )
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{TYPES}">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/word/document.xml" ContentType="{WORD}"/>'
        f'<Override PartName="/docProps/custom.xml" ContentType="{CUSTOM}"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{RELATIONSHIPS}">'
        f'<Relationship Id="a" Type="{OFFICE}/officeDocument" Target="word/document.xml"/>'
        f'<Relationship Id="b" Type="{OFFICE}/custom-properties" Target="docProps/custom.xml"/></Relationships>',
        "word/document.xml": '<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main">'
        f"<w:body><w:p><w:r><w:t>{text}</w:t></w:r></w:p></w:body></w:document>",
        "docProps/custom.xml": f'<Properties xmlns="{NAMESPACE}" '
        f'xmlns:vt="http://schemas.openxmlformats.org/officeDocument/2006/docPropsVTypes">{properties}</Properties>',
    }
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as package:
        for name, content in parts.items():
            package.writestr(name, '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>' + content)
    return out.getvalue()


def properties(document: bytes | os.PathLike[str] | str) -> dict[str, str]:
    """The custom properties that Python's own readers of ZIP and XML see."""
    from xml.etree import ElementTree

    with zipfile.ZipFile(io.BytesIO(document) if isinstance(document, bytes) else document) as package:
        assert package.testzip() is None
        if "docProps/custom.xml" not in package.namelist():
            return {}
        root = ElementTree.fromstring(package.read("docProps/custom.xml"))
    return {item.attrib["name"]: "".join(item.itertext()) for item in root}


def words(document: bytes | os.PathLike[str] | str) -> str:
    """The text of a document of :func:`docx`."""
    from xml.etree import ElementTree

    with zipfile.ZipFile(io.BytesIO(document) if isinstance(document, bytes) else document) as package:
        return "".join(ElementTree.fromstring(package.read("word/document.xml")).itertext())


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


def files(root: Path) -> list[str]:
    return sorted(str(path) for path in root.rglob("*") if path.is_file())


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
