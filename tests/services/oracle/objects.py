"""Objects: put, copy, get, head, delete, and their tags."""

import re
from datetime import datetime, timezone
from email.utils import formatdate
from urllib.parse import parse_qsl

from .messages import Answer, Refused, Request, copy_source, xml_answer
from .store import Blob, Description, Object, Store

#: Given with an object and returned with it.
KEPT = ("content-type", "cache-control", "content-disposition", "content-encoding", "content-language", "expires")
KEPT_OWN = ("storage-class", "server-side-encryption")
MOST_TAGS = 10


def describe(request: Request) -> Description:
    prefix = request.dialect.prefix
    kept = KEPT + tuple(prefix + name for name in KEPT_OWN)
    headers = {name: request.headers[name] for name in kept if name in request.headers}
    metadata = {
        name.removeprefix(prefix + "meta-"): value
        for name, value in request.headers.items() if name.startswith(prefix + "meta-")
    }
    if sum(len(name) + len(value.encode()) for name, value in metadata.items()) > request.dialect.most_metadata:
        raise Refused(400, "MetadataTooLarge")
    return Description(headers, metadata, checked_tags(parse_qsl(request.own("tagging") or "", keep_blank_values=True)))


def checked_tags(pairs: list[tuple[str, str]]) -> dict[str, str]:
    tags = dict(pairs)
    if len(tags) != len(pairs) or len(tags) > MOST_TAGS or any(not 0 < len(key) <= 128 for key in tags):
        raise Refused(400, "InvalidTag")
    return tags


def etag(request: Request, blob: Blob) -> str:
    return f'"{blob.md5.hex().upper() if request.dialect.upper_case_etag else blob.md5.hex()}"'


def checksum_headers(request: Request, blob: Blob) -> dict[str, str]:
    return {request.dialect.prefix + "hash-crc64ecma": str(blob.crc64)}


def may_replace(request: Request) -> bool:
    return (request.own("forbid-overwrite") or "false").lower() != "true"


def check_key(request: Request) -> None:
    if len(request.key.encode()) > 1023 or request.key.startswith(("/", "\\")):
        raise Refused(400, "InvalidObjectName", request.key)


def put(store: Store, request: Request) -> Answer:
    check_key(request)
    blob = request.body
    store.publish(request.bucket, Object(request.key, blob, etag(request, blob), describe(request)),
                  may_replace(request))
    return Answer(200, {"ETag": etag(request, blob), **checksum_headers(request, blob)})


def copied_blob(store: Store, request: Request) -> tuple[Object, Blob]:
    """What the copy-source headers name, as a file of its own."""
    bucket, key = copy_source(request)
    with store.lock:
        source = store.object(bucket, key)
        wanted = request.own("copy-source-if-match")
        if wanted and not is_listed(source.etag, wanted):
            raise Refused(412, "PreconditionFailed", "copy-source-if-match")
        unwanted = request.own("copy-source-if-none-match")
        if unwanted and is_listed(source.etag, unwanted):
            raise Refused(412, "PreconditionFailed", "copy-source-if-none-match")
        start, length = 0, source.blob.size
        if asked := request.own("copy-source-range"):
            span = parse_range(asked, source.blob.size)
            if span is None or asked.endswith("-") or int(asked.rpartition("-")[2]) >= source.blob.size:
                raise Refused(416, "InvalidRange", asked)
            start, length = span
        return source, store.write(source.blob.pieces(start, length))


def copy(store: Store, request: Request) -> Answer:
    check_key(request)
    source, blob = copied_blob(store, request)
    description = describe(request)
    if not (request.own("metadata-directive") or "copy").lower().startswith("replace"):
        description.headers, description.metadata = source.description.headers, source.description.metadata
    if not (request.own("tagging-directive") or "copy").lower().startswith("replace"):
        description.tags = source.description.tags
    try:
        store.publish(request.bucket, Object(request.key, blob, etag(request, blob), description), may_replace(request))
    except Refused:
        store.drop(blob)
        raise
    return xml_answer("CopyObjectResult", ("ETag", etag(request, blob)), ("LastModified", iso_time(blob.written)),
                      headers={"ETag": etag(request, blob), **checksum_headers(request, blob)})


def get(store: Store, request: Request) -> Answer:
    entry, file = store.open(request.bucket, request.key, lambda entry: check_conditions(request, entry))
    size = entry.blob.size
    headers = {
        "ETag": entry.etag,
        "Last-Modified": formatdate(entry.blob.written, usegmt=True),
        "Accept-Ranges": "bytes",
        "content-type": "application/octet-stream",
        **checksum_headers(request, entry.blob),
        **entry.description.headers,
        **{f"{request.dialect.prefix}meta-{name}": value for name, value in entry.description.metadata.items()},
    }
    if entry.description.tags:
        headers[request.dialect.prefix + "tagging-count"] = str(len(entry.description.tags))
    if request.dialect.name == "oss":
        headers["x-oss-object-type"] = entry.kind()
    asked = request.headers.get("range")
    span = parse_range(asked, size) if asked else None
    if span:
        start, length = span
        return Answer(206, {**headers, "Content-Range": f"bytes {start}-{start + length - 1}/{size}"},
                      file=(file, start, length))
    if asked and not (request.dialect.forgives_ranges and request.own("range-behavior") != "standard"):
        file.close()
        raise Refused(416, "InvalidRange", f"{asked} of {size}")
    return Answer(200, headers, file=(file, 0, size))


def check_conditions(request: Request, entry: Object) -> None:
    wanted, unwanted = request.headers.get("if-match"), request.headers.get("if-none-match")
    if wanted and not is_listed(entry.etag, wanted):
        raise Refused(412, "PreconditionFailed", "If-Match")
    if unwanted and is_listed(entry.etag, unwanted):
        raise Refused(304, "NotModified")


def is_listed(etag: str, listed: str) -> bool:
    return listed.strip() == "*" or etag.strip('"').lower() in (
        one.strip().strip('"').lower() for one in listed.split(","))


def parse_range(asked: str, size: int) -> tuple[int, int] | None:
    """Start and length, or nothing where the object has no such bytes."""
    match = re.fullmatch(r"bytes=(\d*)-(\d*)", asked.strip())
    if not match or match[0] == "bytes=-":
        return None
    if not match[1]:
        length = min(int(match[2]), size)
        return (size - length, length) if length else None
    start, end = int(match[1]), min(int(match[2] or size - 1), size - 1)
    return (start, end - start + 1) if start <= end else None


def delete(store: Store, request: Request) -> Answer:
    store.remove(request.bucket, request.key)
    return Answer(204)


def get_tags(store: Store, request: Request) -> Answer:
    tags = store.object(request.bucket, request.key).description.tags
    return xml_answer("Tagging", ("TagSet", [("Tag", [("Key", key), ("Value", tags[key])]) for key in tags]))


def put_tags(store: Store, request: Request) -> Answer:
    pairs = [(tag.findtext("Key") or "", tag.findtext("Value") or "") for tag in request.xml().iter("Tag")]
    with store.lock:
        store.object(request.bucket, request.key).description.tags = checked_tags(pairs)
    return Answer()


def delete_tags(store: Store, request: Request) -> Answer:
    with store.lock:
        store.object(request.bucket, request.key).description.tags = {}
    return Answer(204)


def iso_time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.000Z")
