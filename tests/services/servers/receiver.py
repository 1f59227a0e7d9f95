"""Takes uploads and writes down what arrived: receiver.py PORT DIRECTORY BEARER. Runs in the clients' environment.

A POST of multipart/form-data or a raw POST or PUT to /NAME, where NAME is what the test chooses, becomes the directory
DIRECTORY/NAME/N (1, 2, …) with `body`, the bytes of the file, and `upload.json`. All of it appears at once. Before the
name may stand, in this order:

    bearer/             401 unless `Authorization: Bearer TOKEN` is sent
    slow/SECONDS/       the answer waits that long
    status/CODE/        that status, always
    flaky/TIMES/CODE/   that status with `Retry-After: 1` for the first TIMES requests to the path, then as usual
"""

import hashlib
import io
import itertools
import json
import shutil
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

from werkzeug.exceptions import HTTPException
from werkzeug.serving import WSGIRequestHandler, run_simple
from werkzeug.wrappers import Request, Response

seen = Counter()
last = Counter()
lock = threading.Lock()


def answer(request: Request) -> Response:
    words = [word for word in request.path.split("/") if word]
    if words[:1] == ["bearer"]:
        if request.headers.get("Authorization") != f"Bearer {bearer}":
            return Response("no token", 401, {"WWW-Authenticate": "Bearer"})
        del words[0]
    if words[:1] == ["slow"]:
        time.sleep(float(words[1]))
        del words[:2]
    if words[:1] == ["status"]:
        return Response("as asked", int(words[1]))
    if words[:1] == ["flaky"]:
        with lock:
            seen[request.path] += 1
            if seen[request.path] <= int(words[1]):
                return Response("not yet", int(words[2]), {"Retry-After": "1"})
        del words[:3]
    if request.method not in ("POST", "PUT"):
        return Response("the receiver", 200 if request.method in ("GET", "HEAD") else 405)
    return keep(request, "/".join(words) or "unnamed")


def keep(request: Request, name: str) -> Response:
    with tempfile.TemporaryDirectory(dir=root) as staged:
        upload = describe(request, Path(staged) / "body")
        (Path(staged) / "upload.json").write_text(json.dumps(upload, indent=1))
        where = root / name
        where.mkdir(parents=True, exist_ok=True)
        with lock:
            # From the last one on: the numbers before it are taken.
            numbers = itertools.count(last[name] + 1)
            number = last[name] = next(number for number in numbers if not (where / str(number)).exists())
            shutil.copytree(staged, where / f".{number}")
            (where / f".{number}").rename(where / str(number))
    return Response(json.dumps({"stored": f"{name}/{number}", "bytes": upload["bytes"]}), mimetype="application/json")


def describe(request: Request, body: Path) -> dict:
    """Writes the bytes of the file and tells the rest. Raises when the request ends before its time."""
    upload = {
        "method": request.method,
        "path": request.path,
        "query": request.query_string.decode(),
        "headers": [[name, value] for name, value in request.headers],
    }
    source = request.stream
    if request.mimetype == "multipart/form-data":
        upload["fields"] = dict(request.form.lists())
        upload["files"] = [
            {"field": field, "filename": file.filename, "headers": [[name, value] for name, value in file.headers]}
            for field, file in request.files.items(multi=True)
        ]
        source = next((file.stream for file in request.files.values()), io.BytesIO())
    digest = hashlib.sha256()
    with open(body, "wb") as out:
        while piece := source.read(1 << 20):
            digest.update(piece)
            out.write(piece)
    return upload | {"bytes": body.stat().st_size, "sha256": digest.hexdigest()}


@Request.application
def application(request: Request) -> Response:
    # Fields beside the file may be long, too.
    request.max_form_memory_size = 64 << 20
    try:
        return answer(request)
    except HTTPException as error:
        return error
    except (OSError, ValueError) as error:
        return Response(f"the request ended early: {error}", 400)


class Handler(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"


if __name__ == "__main__":
    port, directory, bearer = sys.argv[1:]
    root = Path(directory)
    root.mkdir(parents=True, exist_ok=True)
    run_simple("127.0.0.1", int(port), application, threaded=True, request_handler=Handler)
