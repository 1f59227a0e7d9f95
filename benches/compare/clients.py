"""The programs that are compared. Each takes a tree of files, or one file, and is to remove the label from it.

Those in place get a fresh copy; the others write to a new place.
"""

import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Callable

from corpora import KEY

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Client:
    name: str
    #: The command, from where the files are and where results go.
    command: Callable[[Path, Path], list]
    #: Whether it changes the files where they are.
    in_place: bool = False
    #: The most files that it gets: slow ones need not treat all.
    most: int | None = None
    #: What it removes: the `label`, `everything` that is not content (which it writes anew), or `nothing`.
    removes: str = "label"
    #: Whether it leaves the old bytes in files that it says the label is not in.
    appends: bool = False
    #: What it is, and what of it must be known to read its figures.
    about: str = ""
    #: What is missing where it cannot run.
    missing: str | None = None

    @property
    def is_unlabel(self) -> bool:
        return self.name.startswith("unlabel")


def unlabel(binary: Path) -> list[Client]:
    strip = [binary, "strip", "-q", "-l", KEY]
    patch = [*strip, "--in-place", "--write", "patch"]

    def patching(name: str, *options: str) -> Client:
        return Client(name, lambda at, _: [*patch, *options, at], in_place=True)

    return [
        patching("unlabel patch", "--sync", "none"),
        patching("unlabel patch, 1 thread", "--sync", "none", "-j1"),
        patching("unlabel patch, sync batch", "--sync", "batch"),
        patching("unlabel patch, sync file", "--sync", "file"),
        patching("unlabel patch, full proof", "--sync", "none", "--proof", "full"),
        Client("unlabel in place", lambda at, _: [*strip, "--in-place", "--sync", "none", at], in_place=True),
        Client("unlabel to a new place", lambda at, to: [*strip, "--sync", "none", "--to", to, at]),
        Client("unlabel to a new place, 1 thread", lambda at, to: [*strip, "--sync", "none", "-j1", "--to", to, at]),
        Client("unlabel, nothing to remove", lambda at, _: [*strip, "--in-place", at], removes="nothing"),
        Client("unlabel --version", lambda *_: [binary, "--version"], removes="nothing"),
    ]


def peers(examples: Path) -> list[Client]:
    """Copies and readers, tools that people use, and libraries with which they write scripts."""
    own, exiv2 = examples / "peers", ["-M", "reg pdfx http://ns.adobe.com/pdfx/1.3/", "-M", f"del Xmp.pdfx.{KEY}"]
    tags = [f"-{group}:Label=" for group in ("XMP-pdfx", "PDF", "PNG")]
    atom = f"moov.udta.meta.ilst.----.name:[{KEY}]"

    def script(name: str) -> Callable[[Path, Path], list]:
        return lambda at, to: [sys.executable, HERE / "scripts.py", name, at, to]

    return [
        Client("cp -r", lambda at, to: ["cp", "-r", at, to], removes="nothing", about=version("cp", "--version")),
        Client("read all", lambda at, _: [own, "read", at], removes="nothing",
               about="opens, reads and closes every file, on all processors"),
        Client("floor", lambda at, _: [own, "floor", at], in_place=True, removes="nothing",
               about="looks at every byte once, unpacks what is packed in packages, and writes 64 bytes behind a journal, on "
                     "all processors: the least that it takes to leave no label and no half of a file"),
        Client("zip crate", lambda at, to: [own, "zip", at, to],
               about="a program with the Rust library of that name, on all processors, which copies members as they are "
                     "packed but for the custom properties"),
        Client("python zipfile", script("zipfile"), most=500,
               about=f"Python {sys.version.split()[0]}: packs every member again"),
        Client("exiftool", lambda at, _: ["exiftool", "-config", HERE / "exiftool.config", "-q", "-q", "-m", "-r",
               "-overwrite_original", *tags, at], in_place=True, most=500, appends=True, missing=missing("exiftool"),
               about=version("exiftool", "-ver") + ", one process for all files. To a PDF it appends, and the label "
                     "stays in the file; labels in iTunes' free form it does not write"),
        Client("exiv2", lambda at, _: ["exiv2", *exiv2, *sorted(at.rglob("*.jpg"))], in_place=True, most=500,
               missing=missing("exiv2"), about=version("exiv2", "--version") + ", one process for all files"),
        Client("pikepdf", script("pikepdf"), in_place=True, most=300,
               about=f"{metadata.version('pikepdf')}, which is qpdf for Python; one process for all files"),
        Client("mutagen", script("mutagen"), in_place=True, about=metadata.version("mutagen")),
        Client("AtomicParsley", lambda at, _: ["AtomicParsley", at, "--manualAtomRemove", atom, "--overWrite"],
               in_place=True, missing=missing("AtomicParsley"), about=version("AtomicParsley", "--version")),
        Client("mat2", lambda at, _: ["mat2", "--inplace", "--unknown-members", "omit", *sorted(at.rglob("*.*"))],
               in_place=True, most=50, removes="everything", missing=missing("mat2"),
               about=version("mat2", "--version") + ": removes everything it can, and writes pictures and pages anew"),
    ]


#: The Debian packages of programs that are not called as they are.
PACKAGES = {"exiftool": "libimage-exiftool-perl", "AtomicParsley": "atomicparsley", "ffprobe": "ffmpeg"}


def missing(program: str) -> str | None:
    """Says which package to install, where there is no such program."""
    return None if shutil.which(program) else f"not installed: apt-get install {PACKAGES.get(program, program)}"


def version(program: str, option: str) -> str:
    if missing(program):
        return program
    said = subprocess.run([program, option], capture_output=True, text=True).stdout
    number = re.search(r"\d+(\.\d+)+", said)
    return f"{program} {number[0]}" if number else program
