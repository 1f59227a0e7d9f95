"""`unlabel` as a stage of a pipeline beside exiftool: one call per file, one process that stays, and a list at once.

Both take the same label out of the same pictures into new files: unlabel the text `id` of a PNG, exiftool every text chunk,
which is what it has for that. unlabel proves its results; exiftool does not.
"""
import json, os, random, resource, shutil, statistics, subprocess, sys, tempfile, time, zlib
from pathlib import Path


def png(number, length):
    chunk = lambda kind, data: len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")
    pixels = zlib.compress(random.Random(number).randbytes(length), 0)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", b"\0\0\0\1\0\0\0\1\x08\0\0\0\0") + chunk(b"tEXt", b"id\x008888")
            + chunk(b"IDAT", pixels) + chunk(b"IEND", b""))


def unlabel_calls(binary, files, out):
    for file in files:
        subprocess.run([binary, "strip", "-q", "-l", "id", "--sync", "none", "--to", out / file.name, file], check=True)


def exiftool_calls(_, files, out):
    for file in files:
        subprocess.run(["exiftool", "-q", "-PNG:all=", "-o", out / file.name, file], check=True)


def unlabel_stays(binary, files, out):
    """One request after the other, as a caller does that waits for each answer."""
    with subprocess.Popen([binary, "pipe", "-j1"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        for number, file in enumerate(files):
            request = {"id": number, "path": str(file), "labels": {"id": "8888"}, "to": str(out / file.name)}
            process.stdin.write(json.dumps(request).encode() + b"\n")
            process.stdin.flush()
            answer = json.loads(process.stdout.readline())
            assert answer["outcome"] == "stripped", answer
        process.stdin.close()


def exiftool_stays(_, files, out):
    with subprocess.Popen(["exiftool", "-stay_open", "True", "-@", "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL) as process:
        for number, file in enumerate(files):
            process.stdin.write(f"-q\n-PNG:all=\n-o\n{out / file.name}\n{file}\n-execute{number}\n".encode())
            process.stdin.flush()
            while process.stdout.readline().strip() != f"{{ready{number}}}".encode():
                pass
        process.stdin.write(b"-stay_open\nFalse\n")
        process.stdin.close()


def unlabel_list(binary, files, out):
    names = b"".join(os.fsencode(file) + b"\0" for file in files)
    subprocess.run([binary, "strip", "-q", "-l", "id", "--sync", "none", "--files0-from", "-", "--to", f"{out}/"], input=names,
                   check=True)


def exiftool_list(_, files, out):
    names = "".join(f"{file}\n" for file in files).encode()
    subprocess.run(["exiftool", "-q", "-PNG:all=", "-o", f"{out}/", "-@", "-"], input=names, check=True)


WAYS = [("a call per file", unlabel_calls, exiftool_calls, 50), ("a process that stays, one request at a time", unlabel_stays, exiftool_stays, 500),
        ("a list at once", unlabel_list, exiftool_list, 500)]


def measure(work, binary, files, out):
    """Milliseconds of time and of processor per file."""
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    work(binary, files, out)
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    results = [path for path in out.rglob("*") if path.is_file()]
    assert len(results) == len(files), f"{len(results)} of {len(files)}"
    assert not any(b"8888" in path.read_bytes()[:120] for path in results[:5])
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return 1000 * wall / len(files), 1000 * cpu / len(files)


def main(binary, rounds):
    with tempfile.TemporaryDirectory(dir="/dev/shm") as root:  # no disk in the way of either
        root = Path(root)
        files = []
        for number in range(max(way[3] for way in WAYS)):
            files.append(root / f"{number}.png")
            files[-1].write_bytes(png(number, 16 << 10))
        version = subprocess.run(["exiftool", "-ver"], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
        print(f"| files of 16 KiB | unlabel | exiftool {version} | times |\n|---|---:|---:|---:|")
        for name, ours, theirs, count in WAYS:
            figures = []
            for work in (ours, theirs):
                taken = [measure(work, binary, files[:count], root / "out") for _ in range(rounds)]
                figures.append([statistics.median(column) for column in zip(*taken)])
            (wall, cpu), (other, other_cpu) = figures
            print(f"| {name} | {wall:.2f} ms, {cpu:.2f} ms CPU | {other:.2f} ms, {other_cpu:.2f} ms CPU | {other / wall:.0f} |", flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
