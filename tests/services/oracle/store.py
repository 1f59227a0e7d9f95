"""Objects and unfinished uploads. What lies in the dictionaries is visible; bodies lie in files of their own."""

import base64
import hashlib
import os
import threading
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable, Iterable, Iterator

import crcmod

from .messages import Refused

PIECE = 1 << 20


def new_crc64():
    """ECMA-182 as both vendors use it."""
    return crcmod.Crc(0x142F0E1EBA9EA3693, initCrc=0, xorOut=0xFFFFFFFFFFFFFFFF, rev=True)


@dataclass
class Blob:
    path: Path
    size: int
    md5: bytes
    crc64: int
    written: float = field(default_factory=time.time)

    def md5_base64(self) -> str:
        return base64.b64encode(self.md5).decode()

    def pieces(self, start: int, length: int) -> Iterator[bytes]:
        with open(self.path, "rb") as file:
            file.seek(start)
            while length and (piece := file.read(min(length, PIECE))):
                length -= len(piece)
                yield piece


@dataclass
class Description:
    """What is said of an object besides its bytes."""

    headers: dict[str, str]
    metadata: dict[str, str]
    tags: dict[str, str]


@dataclass
class Object:
    key: str
    blob: Blob
    etag: str
    description: Description
    is_multipart: bool = False

    def kind(self) -> str:
        return "Multipart" if self.is_multipart else "Normal"


@dataclass
class Upload:
    identity: str
    bucket: str
    key: str
    description: Description
    parts: dict[int, Blob] = field(default_factory=dict)
    started: float = field(default_factory=time.time)


class Store:
    def __init__(self, directory: Path):
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        self.buckets: dict[str, dict[str, Object]] = {}
        self.uploads: dict[str, Upload] = {}
        self.lock = threading.RLock()

    def write(self, pieces: Iterable[bytes]) -> Blob:
        """A file of these bytes, which nothing shows yet. Leaves no file when the pieces end with an error."""
        path = self.directory / uuid.uuid4().hex
        md5, crc, size = hashlib.md5(), new_crc64(), 0
        try:
            with open(path, "wb") as file:
                for piece in pieces:
                    md5.update(piece)
                    crc.update(piece)
                    file.write(piece)
                    size += len(piece)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return Blob(path, size, md5.digest(), crc.crcValue)

    def drop(self, *blobs: Blob) -> None:
        for blob in blobs:
            blob.path.unlink(missing_ok=True)

    def bucket(self, name: str) -> dict[str, Object]:
        if name not in self.buckets:
            raise Refused(404, "NoSuchBucket", name)
        return self.buckets[name]

    def object(self, bucket: str, key: str) -> Object:
        found = self.bucket(bucket).get(key)
        if found is None:
            raise Refused(404, "NoSuchKey", key)
        return found

    def upload(self, identity: str, bucket: str, key: str) -> Upload:
        found = self.uploads.get(identity)
        if found is None or (found.bucket, found.key) != (bucket, key):
            raise Refused(404, "NoSuchUpload", identity)
        return found

    def publish(self, bucket: str, entry: Object, may_replace: bool) -> None:
        """Makes it visible, instead of what was there."""
        with self.lock:
            objects = self.bucket(bucket)
            before = objects.get(entry.key)
            if before is not None and not may_replace:
                raise Refused(409, "FileAlreadyExists", entry.key)
            objects[entry.key] = entry
            if before is not None and before.blob is not entry.blob:
                self.drop(before.blob)

    def remove(self, bucket: str, key: str) -> None:
        with self.lock:
            entry = self.bucket(bucket).pop(key, None)
            if entry:
                self.drop(entry.blob)

    def open(self, bucket: str, key: str, wanted: Callable[[Object], None]):
        """The object and its open file, so that a later replacement does not disturb the reader."""
        with self.lock:
            entry = self.object(bucket, key)
            wanted(entry)
            return entry, os.fdopen(os.open(entry.blob.path, os.O_RDONLY), "rb")

    def state(self) -> dict:
        """All that a test may want to find absent."""
        with self.lock:
            objects = [
                {"bucket": bucket, "key": entry.key, "size": entry.blob.size, "etag": entry.etag,
                 "md5": entry.blob.md5.hex(), "headers": entry.description.headers,
                 "metadata": entry.description.metadata, "tags": entry.description.tags, "file": str(entry.blob.path)}
                for bucket, entries in sorted(self.buckets.items()) for entry in entries.values()
            ]
            uploads = [
                {"bucket": upload.bucket, "key": upload.key, "uploadId": upload.identity, "parts": sorted(upload.parts)}
                for upload in self.uploads.values()
            ]
        return {"objects": objects, "uploads": uploads}
