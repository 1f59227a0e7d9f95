"""Where uploads arrive, and what a look behind the client's back finds there."""

import hashlib
import json
import shutil
import uuid
from pathlib import Path
from urllib.parse import quote
from urllib.request import Request, urlopen

#: Objects that both servers remove by one request.
MOST = 1000


class Container:
    """A container of Swift, or a bucket: both servers show their buckets as containers."""

    def __init__(self, server: dict):
        headers = {"X-Auth-User": server["user"], "X-Auth-Key": server["key"]}
        with urlopen(Request(server["authUrl"], headers=headers)) as answer:
            self.account, self.token = answer.headers["X-Storage-Url"].rstrip("/"), answer.headers["X-Auth-Token"]

    def make(self) -> str:
        """An empty place; its name, as a client is told it."""
        self.name = f"bench-{uuid.uuid4().hex[:12]}"
        self.call("PUT", self.name)
        return self.name

    def lengths(self) -> dict[str, int]:
        """What arrived."""
        return {entry["name"]: self.length(entry) for entry in self.list(self.name)}

    def length(self, entry: dict) -> int:
        """Of an object in parts, Ceph's listing tells the length of the manifest."""
        if entry["bytes"] > 1 << 14:
            return entry["bytes"]
        with self.call("HEAD", f"{self.name}/{quote(entry['name'])}") as answer:
            return int(answer.headers["Content-Length"])

    def digest(self, name: str) -> str:
        with self.call("GET", f"{self.name}/{quote(name)}") as answer:
            return hashlib.file_digest(answer, "sha256").hexdigest()

    def clear(self) -> None:
        """The objects, and what the clients made beside them for their parts."""
        for container in self.list(""):
            name = container["name"]
            if name.startswith(self.name):
                names = [quote(f"{name}/{entry['name']}") for entry in self.list(quote(name))]
                for start in range(0, len(names), MOST):
                    body = "\n".join(names[start : start + MOST]).encode()
                    self.call("POST", "?bulk-delete", body, {"Content-Type": "text/plain"}).read()
                self.call("DELETE", quote(name))

    def list(self, container: str) -> list[dict]:
        entries, page = [], True
        while page:
            after = quote(entries[-1]["name"]) if entries else ""
            with self.call("GET", f"{container}?format=json&marker={after}") as answer:
                page = json.loads(answer.read() or b"[]")
            entries += page
        return entries

    def call(self, method: str, path: str, body: bytes | None = None, headers: dict = {}):
        url = f"{self.account}/{path}" if path[:1] != "?" else self.account + path
        return urlopen(Request(url, body, {"X-Auth-Token": self.token, "Accept": "application/json", **headers},
                               method=method))


class Bucket:
    """A bucket of the stores that check signatures. They tell without one what is visible."""

    def __init__(self, server: dict, clear):
        self.server, self.remove = server, clear

    def make(self) -> str:
        self.prefix = f"bench-{uuid.uuid4().hex[:12]}/"
        return self.server["bucket"] + "/" + self.prefix[:-1]

    def lengths(self) -> dict[str, int]:
        with urlopen(self.server["stateUrl"]) as answer:
            objects = json.load(answer)["objects"]
        ours = {entry["key"].removeprefix(self.prefix): entry for entry in objects
                if entry["key"].startswith(self.prefix)}
        self.files = {name: Path(entry["file"]) for name, entry in ours.items()}
        return {name: entry["size"] for name, entry in ours.items()}

    def digest(self, name: str) -> str:
        return file_digest(self.files[name])

    def clear(self) -> None:
        if self.lengths():
            self.remove(self.server["bucket"] + "/" + self.prefix[:-1], self.files)


class Folder:
    """A folder that nginx writes to."""

    def __init__(self, server: dict):
        self.server = server

    def make(self) -> str:
        self.path = Path(self.server["root"]) / f"bench-{uuid.uuid4().hex[:12]}"
        return f"{self.server['http']}/{self.path.name}/"

    def lengths(self) -> dict[str, int]:
        return {path.name: path.stat().st_size for path in self.path.iterdir()}

    def digest(self, name: str) -> str:
        return file_digest(self.path / name)

    def clear(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)


class Forms(Folder):
    """What the receiver got by forms: a folder for each, with the bytes and a description."""

    def make(self) -> str:
        self.path = Path(self.server["root"]) / f"bench-{uuid.uuid4().hex[:12]}"
        return f"{self.server['url']}/{self.path.name}"

    def lengths(self) -> dict[str, int]:
        self.received = {}
        for folder in self.path.iterdir():
            upload = json.loads((folder / "upload.json").read_text())
            self.received[upload["files"][0]["filename"]] = folder / "body"
        return {name: path.stat().st_size for name, path in self.received.items()}

    def digest(self, name: str) -> str:
        return file_digest(self.received[name])


def file_digest(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
