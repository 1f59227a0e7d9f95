"""What is uploaded: documents with one label, and noise that no client can squeeze."""

import random
import zipfile
from pathlib import Path

CUSTOM = (
    '<Properties xmlns="http://schemas.openxmlformats.org/officeDocument/2006/custom-properties"'
    ' xmlns:vt="http://schemas.openxmlformats.org/officeDocument/2006/docPropsVTypes">'
    '<property fmtid="{D5CDD505-2E9C-101B-9397-08002B2CF9AE}" pid="2" name="id"><vt:lpwstr>8888-bench</vt:lpwstr></property>'
    "</Properties>"
)
TYPES = (
    '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Default Extension="xml" ContentType="application/xml"/><Default Extension="mp4" ContentType="video/mp4"/>'
    '<Override PartName="/docProps/custom.xml" ContentType="application/vnd.openxmlformats-officedocument.custom-properties+xml"/>'
    "</Types>"
)
RELS = (
    '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    '<Relationship Id="rId1" Target="docProps/custom.xml"'
    ' Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/custom-properties"/></Relationships>'
)
PIECE = 1 << 20


def docx(path: Path, size: int, noise: random.Random) -> None:
    """A package of about `size` bytes, most of them a stored member of noise."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as package:
        package.writestr("[Content_Types].xml", TYPES)
        package.writestr("_rels/.rels", RELS)
        with package.open(zipfile.ZipInfo("ppt/media/media1.mp4"), "w") as media:
            for start in range(0, size, PIECE):
                media.write(noise.randbytes(min(PIECE, size - start)))
        package.writestr("docProps/custom.xml", CUSTOM)


def make(folder: Path, mib: int, files: int, kib: int) -> dict[str, Path]:
    """The two workloads, by name: a file, and a directory of files."""
    noise = random.Random(1)
    large, small = folder / "large.docx", folder / "small"
    docx(large, mib << 20, noise)
    small.mkdir()
    for number in range(files):
        docx(small / f"{number:05}.docx", kib << 10, noise)
    return {f"{mib} MiB": large, f"{files:,} × {kib} KiB": small}
