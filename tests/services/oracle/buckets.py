"""Buckets: made, and listed in pages, with the objects or the unfinished uploads in them."""

from urllib.parse import quote

from .messages import Answer, Refused, Request, xml_answer
from .objects import iso_time
from .store import Store

OWNER = ("Owner", [("ID", "tests"), ("DisplayName", "tests")])


def make(store: Store, request: Request) -> Answer:
    with store.lock:
        store.buckets.setdefault(request.bucket, {})
    return Answer()


def remove(store: Store, request: Request) -> Answer:
    with store.lock:
        if store.bucket(request.bucket):
            raise Refused(409, "BucketNotEmpty", request.bucket)
        del store.buckets[request.bucket]
    return Answer(204)


def head(store: Store, request: Request) -> Answer:
    store.bucket(request.bucket)
    return Answer()


def list_objects(store: Store, request: Request) -> Answer:
    """With list-type=2 as OSS lists today, without as both did before."""
    query, new = request.query, request.query.get("list-type") == "2"
    prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
    after = query.get("continuation-token") or query.get("start-after", "") if new else query.get("marker", "")
    with store.lock:
        objects = dict(store.bucket(request.bucket))
    entries, more = page(objects, prefix, delimiter, after, int(query.get("max-keys") or (100 if new else 1000)))
    text = _encoder(query)
    keys = [entry for entry in entries if entry in objects]
    shown = [
        ("Contents", [("Key", text(key)), ("LastModified", iso_time(objects[key].blob.written)),
                      ("ETag", objects[key].etag), ("Type", objects[key].kind()),
                      ("Size", objects[key].blob.size), ("StorageClass", "Standard"), OWNER])
        for key in keys
    ]
    common = [("CommonPrefixes", [("Prefix", text(entry))]) for entry in entries if entry not in objects]
    said = [("Name", request.bucket), ("Prefix", text(prefix)), ("Delimiter", text(delimiter)),
            ("MaxKeys", query.get("max-keys") or 1000), ("IsTruncated", str(more).lower())]
    if query.get("encoding-type"):
        said.append(("EncodingType", query["encoding-type"]))
    if new:
        said += [("StartAfter", text(query.get("start-after", ""))), ("KeyCount", len(entries))]
    else:
        said.append(("Marker", text(after)))
    if more:
        # The token is taken as it was given, so it is not a key to decode.
        said.append(("NextContinuationToken", entries[-1]) if new else ("NextMarker", text(entries[-1])))
    return xml_answer("ListBucketResult", *said, *shown, *common)


def page(keys, prefix: str, delimiter: str, after: str, most: int) -> tuple[list[str], bool]:
    """Keys and common prefixes after `after`, in order, and whether there are more."""
    entries = set()
    for key in keys:
        if key.startswith(prefix):
            end = key.find(delimiter, len(prefix)) if delimiter else -1
            entries.add(key if end < 0 else key[: end + len(delimiter)])
    left = sorted(entry for entry in entries if entry > after)
    return left[:most], len(left) > most


def list_uploads(store: Store, request: Request) -> Answer:
    query, text = request.query, _encoder(request.query)
    store.bucket(request.bucket)
    after, most = (query.get("key-marker", ""), query.get("upload-id-marker", "")), int(query.get("max-uploads") or 1000)
    with store.lock:
        found = sorted(
            (upload.key, upload.identity, upload.started) for upload in store.uploads.values()
            if upload.bucket == request.bucket and upload.key.startswith(query.get("prefix", "")))
    left = [one for one in found if (one[:2] > after if after[1] else one[0] > after[0] or not after[0])]
    shown = [
        ("Upload", [("Key", text(key)), ("UploadId", identity), ("Initiated", iso_time(started))])
        for key, identity, started in left[:most]
    ]
    last = left[:most][-1] if len(left) > most else ("", "")
    return xml_answer("ListMultipartUploadsResult", ("Bucket", request.bucket), ("Prefix", text(query.get("prefix", ""))),
                      ("KeyMarker", text(after[0])), ("UploadIdMarker", after[1]), ("NextKeyMarker", text(last[0])),
                      ("NextUploadIdMarker", last[1]), ("MaxUploads", most),
                      ("IsTruncated", str(len(left) > most).lower()), *shown)


def _encoder(query: dict[str, str]):
    return (lambda key: quote(key, safe="")) if query.get("encoding-type") == "url" else str
