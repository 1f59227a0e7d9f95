"""Documents that tests make, and what Python's own readers see in them."""

from __future__ import annotations

import io
import os
import zipfile
from pathlib import Path

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


def files(root: Path) -> list[str]:
    """Every file below, but for what binds an output to its job."""
    return sorted(str(path) for path in root.rglob("*") if path.is_file() and path.name != "_job.json")
