"""What people write with libraries of Python to remove a label: `scripts.py LIBRARY FILES RESULTS`.

Those that write files where they are leave RESULTS alone."""

import sys
from pathlib import Path

from corpora import KEY


def files(at, pattern):
    return [at] if at.is_file() else sorted(at.rglob(pattern))


def with_zipfile(at, to):
    import re
    import zipfile

    label = re.compile(rb'<property [^>]*name="' + KEY.encode() + rb'".*?</property>', re.S)
    for path in files(at, "*.docx"):
        result = to / path.relative_to(at)
        result.parent.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(path) as old, zipfile.ZipFile(result, "w", zipfile.ZIP_DEFLATED) as new:
            for member in old.infolist():
                data = old.read(member)
                new.writestr(member, label.sub(b"", data) if member.filename == "docProps/custom.xml" else data)


def with_pikepdf(at, _):
    import pikepdf

    for path in files(at, "*.pdf"):
        with pikepdf.open(path, allow_overwriting_input=True) as document:
            del document.docinfo[f"/{KEY}"]
            with document.open_metadata(set_pikepdf_as_editor=False, update_docinfo=False) as metadata:
                del metadata[f"{{http://ns.adobe.com/pdfx/1.3/}}{KEY}"]
            document.save(path)


def with_mutagen(at, _):
    from mutagen.mp4 import MP4

    for path in files(at, "*.mp4"):
        tagged = MP4(path)
        del tagged[f"----:com.apple.iTunes:{KEY}"]
        tagged.save()


if __name__ == "__main__":
    library, *paths = sys.argv[1:]
    {"zipfile": with_zipfile, "pikepdf": with_pikepdf, "mutagen": with_mutagen}[library](*map(Path, paths))
