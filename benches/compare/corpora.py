"""The files that the comparison runs on: made anew for each run, the same on every machine but for the large ones."""

import os
import struct
import subprocess
import zipfile
from pathlib import Path

#: Label and value in every file, and another label that stays.
KEY, VALUE = "id", "8888-4711-0815"
KEPT = ("Owner", "north")


def make(generator: Path, folder: Path, kind: str, count: float) -> Path:
    """The files of a case, in `folder`: a tree, a hundred to a folder, or one large file."""
    if kind == "mp4":
        return video(folder / "inputs.mp4", round(count * 2**30))
    if kind == "zip64":
        small = make(generator, folder / "small", "docx40", 1)
        return package(next(small.rglob("*.docx")), folder / "inputs.docx", round(count * 2**30))
    subprocess.run([generator, folder / "inputs", kind, str(max(1, round(count)))], check=True)
    return folder / "inputs"


def video(path: Path, length: int) -> Path:
    """An MP4 of noise that ffmpeg codes once and repeats, with labels in the free form of iTunes."""
    from mutagen.mp4 import MP4

    clip = path.with_name("clip.mp4")
    ffmpeg = ["ffmpeg", "-v", "error", "-y"]
    sources = ["-f", "lavfi", "-i", "testsrc2=size=1280x720:rate=25,noise=alls=100:allf=t", "-f", "lavfi", "-i", "anoisesrc"]
    subprocess.run([*ffmpeg, *sources, "-t", "1", "-c:v", "mpeg4", "-q:v", "1", "-c:a", "aac", clip], check=True)
    times = max(1, length // clip.stat().st_size)
    loop = ["-stream_loop", str(times - 1), "-i", clip, "-c", "copy", "-movflags", "+faststart"]
    subprocess.run([*ffmpeg, *loop, path], check=True)
    clip.unlink()
    tagged = MP4(path)
    for key, value in ((KEY, VALUE), KEPT):
        tagged[f"----:com.apple.iTunes:{key}"] = [value.encode()]
    # With more of it AtomicParsley would write the file anew to have less.
    tagged.save(padding=lambda _: 2048)
    return path


def package(small: Path, path: Path, length: int) -> Path:
    """A Word document with a stored member of more than 4 GiB, for which ZIP needs fields of 64 bits."""
    small.rename(path)
    noise = os.urandom(1 << 20)
    with zipfile.ZipFile(path, "a") as archive, archive.open("word/media/image2.png", "w", force_zip64=True) as member:
        for number in range((length >> 20) + 1):
            member.write(struct.pack(">Q", number) + noise[8:])
    return path
