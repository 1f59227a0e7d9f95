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

STARTING = "starting takes 2.9 ms of it; the rest is the survey, twice"
LARGE = (Limit(PATCH, "cpu", 0.005, STARTING), Limit(PATCH, "mib", 16), Limit(PATCH, "written", 64 << 10))

#: Why targets are missed. They were set by a prototype that proves nothing and keeps no journal.
SURVEYS = ("two surveys, unpacking, packing and the search take most of the time (docs/benchmarks.md, Budget of a small file), "
           "the journal some 25 µs")
COPY = "the same, and a new file costs what `cp` takes"
WHOLE = "every byte is looked at, since a label may stand between scans and behind the picture"

CASES = [
    Case("docx 40 KiB", "docx40", 5000,
         ("cp -r", "read all", "floor", PATCH, PATCH + ONE, BATCH, SYNC, FULL, IN_PLACE, NEW, NEW + ONE, "zip crate",
          "python zipfile", "mat2"),
         (Target(PATCH, "cp -r", 3, reason=SURVEYS), Target(NEW, "cp -r", 1.3, reason=COPY),
          Target(NEW, "python zipfile", 150, reason=COPY),
          Target(PATCH, "python zipfile", 300, reason=SURVEYS),
          Target(NEW, "zip crate", 2.5, reason=COPY), Target(PATCH, "zip crate", 6, reason=SURVEYS),
          Target(PATCH, PATCH + ONE, 1.8), Target(NEW, NEW + ONE, 1.8, reason="two threads create files in one directory by turns"), Target(BATCH, PATCH, 1 / 3))),
    Case("docx 5 MiB", "docx5120", 100, ("cp -r", "floor", PATCH, FULL, NEW, "zip crate", "python zipfile")),
    Case("jpg 150 KiB", "jpg150", 5000,
         ("cp -r", "read all", "floor", PATCH, FULL, IN_PLACE, NEW, "exiftool", "exiv2", "mat2"),
         (Target(PATCH, "exiftool", 80, "cpu", SURVEYS), Target(PATCH, "exiv2", 25, "cpu", SURVEYS))),
    Case("jpg 8 MiB", "jpg8192", 200, ("cp -r", "floor", PATCH, FULL, NEW, "exiftool", "exiv2"),
         (Target(PATCH, "cp -r", 40, reason=WHOLE), Target(PATCH, "exiftool", 200, reason=WHOLE))),
    Case("pdf 100 KiB", "pdf100", 2000,
         ("cp -r", "read all", "floor", PATCH, FULL, IN_PLACE, NEW, "exiftool", "pikepdf", "mat2"),
         (Target(PATCH, "cp -r", 2.5, reason=SURVEYS), Target(PATCH, "exiftool", 180, reason=SURVEYS),
          Target(PATCH, "pikepdf", 45, reason=SURVEYS))),
    Case("pdf 50 MiB", "pdf51200", 20, ("cp -r", "floor", PATCH, FULL, NEW, "exiftool", "pikepdf"),
         (Target(PATCH, "cp -r", 30, reason=WHOLE), Target(PATCH, "pikepdf", 300, reason=WHOLE))),
    Case("png 100 KiB", "png100", 5000,
         ("cp -r", "read all", "floor", PATCH, FULL, IN_PLACE, NEW, "exiftool", "mat2"),
         (Target(PATCH, "cp -r", 4, reason=SURVEYS), Target(NEW, "cp -r", 1.3, reason=COPY))),
    Case("png 8 MiB", "png8192", 40, ("cp -r", "floor", PATCH, FULL, NEW, "exiftool")),
    Case("mp4 2 GiB", "mp4", 2, ("cp -r", PATCH, NEW, "mutagen", "AtomicParsley"),
         (*LARGE, Target(PATCH, "mutagen", 1), Target(PATCH, "AtomicParsley", 1, reason=STARTING), Target(NEW, "cp -r", 1 / 1.1))),
    Case("docx 4 GiB", "zip64", 4, ("cp -r", PATCH, NEW, "zip crate"), LARGE, rounds=3),
    Case("nothing to remove, docx 40 KiB", "cleandocx40", 100_000, ("read all", CLEAN),
         (Target(CLEAN, "read all", 1 / 1.5, reason="each is surveyed, some 0.5 million instructions"), Limit(CLEAN, "written", 0))),
    Case("start-up, one docx of 40 KiB", "docx40", 1, ("unlabel --version", PATCH),
         (Limit(PATCH, "wall", 0.010), Limit(PATCH, "mib", 10, reason="7 MiB of it are pages of the program")), rounds=20),
]
