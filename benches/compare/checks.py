"""Whether results are what they should be: the label is gone, the other labels and the content are as they were, and
readers by others open them."""

import hashlib
import json
import subprocess
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from clients import Client
from corpora import KEPT, KEY, VALUE
from measure import Failed

#: How many files of a tree are opened by readers, and of how many bytes together; all are looked at here.
OPENED, OPENED_BYTES = 20, 64 << 20
#: Files above it are compared piece by piece.
LARGE = 64 << 20
CUSTOM = "docProps/custom.xml"
LABEL, OTHER = VALUE.encode(), KEPT[1].encode()


def check(client: Client, results: Path, inputs: Path, is_opened: bool):
    """Compares the files of a tree, or one file, with what they were made from; has readers open some if asked."""
    names = files(inputs)
    if files(results) != names:
        raise Failed(f"other files than there were: {sorted(set(files(results)) ^ set(names))[:3]}")
    pairs = [(results / name, inputs / name) for name in names]
    for result, original in pairs:
        if client.is_unlabel and result.stat().st_size != original.stat().st_size:
            raise Failed(f"{result.name} has another length")
        LOOK[original.suffix](client, result, original)
    if not is_opened:
        return
    count = min(OPENED, max(1, OPENED_BYTES // pairs[0][1].stat().st_size), len(pairs))
    opened = pairs[::len(pairs) // count][:count]
    if opened[0][0].stat().st_size < LARGE and client.removes != "everything":
        for result, original in opened:
            READ[original.suffix](client, result, original)
    tags(client, opened)


def unchanged(inputs: Path, since: int):
    """Fails where a file was written after `since`, in nanoseconds."""
    for name in files(inputs):
        if (inputs / name).stat().st_ctime_ns >= since:
            raise Failed(f"{name} was written")


def files(at: Path) -> list[Path]:
    """The files of a tree; for one file, nothing to add to its path."""
    return sorted(path.relative_to(at) for path in at.rglob("*") if path.is_file()) if at.is_dir() else [Path()]


def require(holds: bool, path: Path, words: str):
    if not holds:
        raise Failed(f"{path.name}: {words}")


def look_at_bytes(client: Client, result: Path, original: Path):
    """The label is nowhere, the other one is there, and the content is as it was. That of PDF, readers compare."""
    data = result.read_bytes()
    require(client.appends or LABEL not in data, result, "the label is still in it")
    if client.removes == "label":
        require(OTHER in data, result, "another label is gone")
        if original.suffix != ".pdf":
            content = {".jpg": jpeg_scan, ".png": png_pixels}[original.suffix]
            require(content(data) == content(original.read_bytes()), result, "its pixels are others")


def look_at_package(client: Client, result: Path, original: Path):
    """The same of a package, where custom properties are one of the members."""
    with zipfile.ZipFile(result) as package, zipfile.ZipFile(original) as before:
        crcs = {member.filename: member.CRC for member in package.infolist()}
        wanted = {member.filename: member.CRC for member in before.infolist()}
        properties = package.read(CUSTOM) if CUSTOM in crcs else b""
        if original.stat().st_size >= LARGE:
            image = max(before.infolist(), key=lambda member: member.file_size)
            with package.open(image.filename) as mine, before.open(image) as theirs:
                require(same(mine, theirs), result, f"{image.filename} is another")
    require(LABEL not in properties, result, "the label is still in it")
    if client.removes == "everything":
        return
    require(OTHER in properties, result, "another label is gone")
    crcs.pop(CUSTOM, None), wanted.pop(CUSTOM)
    require(crcs == wanted, result, "its members are others")


def look_at_video(client: Client, result: Path, original: Path):
    """The coded media are the same, and the tables point to the same packets of them."""
    with open(result, "rb") as mine, open(original, "rb") as theirs:
        lengths = [seek_media(file) for file in (mine, theirs)]
        require(lengths[0] == lengths[1] and same(mine, theirs), result, "its media are others")
    require(packets(result) == packets(original), result, "its packets are others")


def seek_media(file: BinaryIO) -> int:
    """Goes to what is in the box of media data. Its length, which goes to the end of the file here."""
    while head := file.read(8):
        length = int.from_bytes(head[:4])
        at = file.tell() - 8
        if length == 1:
            length = int.from_bytes(file.read(8))
        if head[4:] == b"mdat":
            return at + length - file.tell()
        file.seek(at + length)
    raise Failed(f"{file.name} has no media")


def packets(path: Path) -> str:
    """Digests of packets at the beginning and in the middle, as ffmpeg finds them."""
    show = ["-show_entries", "packet=stream_index,pts,size,data_hash", "-show_data_hash", "md5", "-of", "csv"]
    seconds = float(subprocess.run(["ffprobe", "-v", "error", "-show_entries", "format=duration", "-of", "csv=p=0",
                                    path], check=True, capture_output=True).stdout)
    parts = ["-read_intervals", f"%+#20,{seconds / 2:.0f}%+#20"]
    return subprocess.run(["ffprobe", "-v", "error", *show, *parts, path], check=True, capture_output=True, text=True).stdout


def same(mine: BinaryIO, theirs: BinaryIO) -> bool:
    """Whether what is left of two files is the same."""
    while piece := mine.read(1 << 20):
        if piece != theirs.read(1 << 20):
            return False
    return not theirs.read(1)


def jpeg_scan(data: bytes) -> bytes:
    """The coded pixels, to the end; in those of the generated files there is no marker."""
    return data[data.rindex(b"\xff\xda"):]


def png_pixels(data: bytes) -> bytes:
    """The coded pixels. Fails where a checksum is wrong."""
    pixels, at = [], 8
    while at < len(data):
        length, kind = int.from_bytes(data[at:at + 4]), data[at + 4:at + 8]
        if zlib.crc32(data[at + 4:at + 8 + length]) != int.from_bytes(data[at + 8 + length:at + 12 + length]):
            raise Failed(f"the checksum of {kind} is wrong")
        if kind == b"IDAT":
            pixels.append(data[at + 8:at + 8 + length])
        at += 12 + length
    return b"".join(pixels)


def read_word(client: Client, result: Path, original: Path):
    """python-docx reads the same text, and zipfile every member."""
    import docx

    with zipfile.ZipFile(result) as package:
        require(package.testzip() is None, result, "a member is damaged")
    texts = [[paragraph.text for paragraph in docx.Document(path).paragraphs] for path in (result, original)]
    require(texts[0] == texts[1] and texts[0], result, "its text is another")


def read_picture(client: Client, result: Path, original: Path):
    """Pillow decodes the same pixels."""
    from PIL import Image

    pixels = []
    for path in (result, original):
        with Image.open(path) as picture:
            pixels.append((picture.size, picture.tobytes()))
    require(pixels[0] == pixels[1], result, "its pixels are others")


def read_pdf(client: Client, result: Path, original: Path):
    """qpdf finds nothing wrong, and every stream but that of metadata is the same."""
    subprocess.run(["qpdf", "--check", result], check=True, stdout=subprocess.DEVNULL)
    require(sorted(streams(result)) == sorted(streams(original)), result, "its streams are others")


def streams(path: Path) -> Iterator[bytes]:
    import pikepdf

    with pikepdf.open(path) as document:
        for item in document.objects:
            if isinstance(item, pikepdf.Stream) and item.get("/Type") not in ("/Metadata", "/ObjStm", "/XRef"):
                # Pictures are compared as they are coded, what is only packed unpacked.
                data = item.read_raw_bytes() if item.get("/Filter") == "/DCTDecode" else item.read_bytes()
                yield hashlib.sha256(data).digest()


def tags(client: Client, pairs: list[tuple[Path, Path]]):
    """exiftool finds every label that was there but the one, which it finds no more."""
    for now, before in zip(*(asked([pair[of] for pair in pairs]) for of in (0, 1))):
        path = Path(now["SourceFile"])
        gone = {name: value for name, value in before.items() if name.endswith(":Id") and value == VALUE}
        require(bool(gone), path, "exiftool did not find the label before")
        require(VALUE not in now.values() and not gone.keys() & now.keys(), path, "exiftool still finds the label")
        if client.removes == "label":
            lost = [name for name, value in before.items() if name not in gone and now.get(name) != value and stays(name)]
            require(not lost, path, f"exiftool finds {', '.join(lost)} changed")


def stays(name: str) -> bool:
    """Whether a tag that exiftool shows is of the document, not of the file, and not of who wrote it last."""
    own = ("System", "ExifTool", "File", "Composite", "ZIP", "XMP-x", "Track")
    return ":" in name and not name.startswith(own) and not name.endswith(("ModifyDate", "MediaDataOffset"))


def asked(paths: list[Path]) -> list[dict[str, object]]:
    out = subprocess.run(["exiftool", "-j", "-G1", "-a", *paths], capture_output=True).stdout
    return json.loads(out)


LOOK = {".docx": look_at_package, ".jpg": look_at_bytes, ".png": look_at_bytes, ".pdf": look_at_bytes,
        ".mp4": look_at_video}
READ = {".docx": read_word, ".jpg": read_picture, ".png": read_picture, ".pdf": read_pdf}
