"""Which files are given to which programs, and what the design asks of the outcome."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Target:
    """A bound on a quotient of one run: what `slow` takes, divided by what `fast` takes."""
    fast: str
    slow: str
    least: float
    #: `wall` or `cpu`.
    of: str = "wall"
    #: Why it is missed, where it is.
    reason: str = ""


@dataclass(frozen=True)
class Limit:
    """A bound on what one client takes: seconds of wall time or CPU, MiB of memory, or bytes written."""
    client: str
    of: str
    most: float
    reason: str = ""


@dataclass(frozen=True)
class Case:
    name: str
    #: What the generator of small files is asked for, or `mp4` or `zip64`.
    kind: str
    #: How many files; of `mp4` and `zip64`, how many GiB.
    count: int
    clients: tuple[str, ...]
    targets: tuple[Target | Limit, ...] = field(default=())
    #: Rounds, where not as many as of the others.
    rounds: int | None = None


PATCH, NEW, FULL = "unlabel patch", "unlabel to a new place", "unlabel patch, full proof"
IN_PLACE, ONE, BATCH, SYNC = "unlabel in place", ", 1 thread", "unlabel patch, sync batch", "unlabel patch, sync file"
CLEAN = "unlabel, nothing to remove"

LARGE = tuple(Limit(PATCH, of, most) for of, most in [("cpu", 0.005), ("mib", 16), ("written", 64 << 10)])

CASES = [
    Case("docx 40 KiB", "docx40", 5000,
         ("cp -r", "read all", PATCH, PATCH + ONE, BATCH, SYNC, FULL, IN_PLACE, NEW, NEW + ONE, "zip crate",
          "python zipfile", "mat2"),
         (Target(PATCH, "cp -r", 3), Target(NEW, "cp -r", 1.3), Target(NEW, "python zipfile", 150),
          Target(PATCH, "python zipfile", 300), Target(NEW, "zip crate", 2.5), Target(PATCH, "zip crate", 6),
          Target(PATCH, PATCH + ONE, 1.8), Target(NEW, NEW + ONE, 1.8), Target(BATCH, PATCH, 1 / 3))),
    Case("docx 5 MiB", "docx5120", 100, ("cp -r", PATCH, FULL, NEW, "zip crate", "python zipfile")),
    Case("jpg 150 KiB", "jpg150", 5000,
         ("cp -r", "read all", PATCH, FULL, IN_PLACE, NEW, "exiftool", "exiv2", "mat2"),
         (Target(PATCH, "exiftool", 80, "cpu"), Target(PATCH, "exiv2", 25, "cpu"))),
    Case("jpg 8 MiB", "jpg8192", 200, ("cp -r", PATCH, FULL, NEW, "exiftool", "exiv2"),
         (Target(PATCH, "cp -r", 40), Target(PATCH, "exiftool", 200))),
    Case("pdf 100 KiB", "pdf100", 2000,
         ("cp -r", "read all", PATCH, FULL, IN_PLACE, NEW, "exiftool", "pikepdf", "mat2"),
         (Target(PATCH, "cp -r", 2.5), Target(PATCH, "exiftool", 180), Target(PATCH, "pikepdf", 45))),
    Case("pdf 50 MiB", "pdf51200", 20, ("cp -r", PATCH, FULL, NEW, "exiftool", "pikepdf"),
         (Target(PATCH, "cp -r", 30), Target(PATCH, "pikepdf", 300))),
    Case("png 100 KiB", "png100", 5000,
         ("cp -r", "read all", PATCH, FULL, IN_PLACE, NEW, "exiftool", "mat2"),
         (Target(PATCH, "cp -r", 4), Target(NEW, "cp -r", 1.3))),
    Case("png 8 MiB", "png8192", 40, ("cp -r", PATCH, FULL, NEW, "exiftool")),
    Case("mp4 2 GiB", "mp4", 2, ("cp -r", PATCH, NEW, "mutagen", "AtomicParsley"),
         (*LARGE, Target(PATCH, "mutagen", 1), Target(PATCH, "AtomicParsley", 1), Target(NEW, "cp -r", 1 / 1.1))),
    Case("docx 4 GiB", "zip64", 4, ("cp -r", PATCH, NEW, "zip crate"), LARGE, rounds=3),
    Case("nothing to remove, docx 40 KiB", "cleandocx40", 100_000, ("read all", CLEAN),
         (Target(CLEAN, "read all", 1 / 1.5), Limit(CLEAN, "written", 0))),
    Case("start-up, one docx of 40 KiB", "docx40", 1, ("unlabel --version", PATCH),
         (Limit(PATCH, "wall", 0.010), Limit(PATCH, "mib", 10)), rounds=20),
]
