"""Uploads in parts."""

import hashlib
import uuid

from .messages import Answer, Refused, Request, xml_answer
from .objects import check_key, checksum_headers, copied_blob, describe, etag, iso_time, may_replace
from .store import Blob, Object, Store, Upload

MOST_PARTS = 10_000


def initiate(store: Store, request: Request) -> Answer:
    check_key(request)
    with store.lock:
        if request.key in store.bucket(request.bucket) and not may_replace(request):
            raise Refused(409, "FileAlreadyExists", request.key)
        upload = Upload(uuid.uuid4().hex.upper(), request.bucket, request.key, describe(request))
        store.uploads[upload.identity] = upload
    return xml_answer("InitiateMultipartUploadResult", ("Bucket", request.bucket), ("Key", request.key),
                      ("UploadId", upload.identity))


def put_part(store: Store, request: Request) -> Answer:
    upload = _upload(store, request)
    number = request.query["partNumber"]
    if not number.isdigit() or not 1 <= int(number) <= MOST_PARTS:
        raise Refused(400, "InvalidArgument", "partNumber")
    is_copy = request.own("copy-source") is not None
    blob = copied_blob(store, request)[1] if is_copy else request.body
    with store.lock:
        if upload.identity not in store.uploads:
            store.drop(blob)
            raise Refused(404, "NoSuchUpload", upload.identity)
        before = upload.parts.get(int(number))
        upload.parts[int(number)] = blob
        if before:
            store.drop(before)
    headers = {"ETag": etag(request, blob), **checksum_headers(request, blob)}
    if is_copy:
        return xml_answer("CopyPartResult", ("LastModified", iso_time(blob.written)), ("ETag", etag(request, blob)),
                          headers=headers)
    return Answer(200, headers)


def complete(store: Store, request: Request) -> Answer:
    upload = _upload(store, request)
    asked = [
        (int(part.findtext("PartNumber") or 0), (part.findtext("ETag") or "").strip().strip('"').lower())
        for part in request.xml().iter("Part")
    ]
    with store.lock:
        parts = _chosen(request, upload, asked)
        whole = store.write(piece for part in parts for piece in part.pieces(0, part.size))
        digest = hashlib.md5(b"".join(part.md5 for part in parts)).hexdigest()
        if request.dialect.upper_case_etag:
            digest = digest.upper()
        entry = Object(upload.key, whole, f'"{digest}-{len(parts)}"', upload.description, is_multipart=True)
        try:
            store.publish(upload.bucket, entry, may_replace(request))
        except Refused:
            store.drop(whole)
            raise
        store.drop(*upload.parts.values())
        del store.uploads[upload.identity]
    return xml_answer("CompleteMultipartUploadResult", ("Location", f"http://{request.host}/{upload.key}"),
                      ("Bucket", upload.bucket), ("Key", upload.key), ("ETag", entry.etag),
                      headers={"ETag": entry.etag, **checksum_headers(request, whole)})


def _chosen(request: Request, upload: Upload, asked: list[tuple[int, str]]) -> list[Blob]:
    if not asked:
        raise Refused(400, "MalformedXML", "no parts")
    numbers = [number for number, _ in asked]
    if any(one >= next_one for one, next_one in zip(numbers, numbers[1:])):
        raise Refused(400, "InvalidPartOrder")
    for number, digest in asked:
        if number not in upload.parts or upload.parts[number].md5.hex() != digest:
            raise Refused(400, "InvalidPart", str(number))
    parts = [upload.parts[number] for number in numbers]
    if any(part.size < request.dialect.least_part for part in parts[:-1]):
        raise Refused(400, "EntityTooSmall")
    return parts


def abort(store: Store, request: Request) -> Answer:
    with store.lock:
        upload = _upload(store, request)
        store.drop(*upload.parts.values())
        del store.uploads[upload.identity]
    return Answer(204)


def list_parts(store: Store, request: Request) -> Answer:
    upload = _upload(store, request)
    after, most = int(request.query.get("part-number-marker") or 0), int(request.query.get("max-parts") or 1000)
    numbers = sorted(number for number in upload.parts if number > after)
    shown = [
        ("Part", [("PartNumber", number), ("LastModified", iso_time(part.written)), ("ETag", etag(request, part)),
                  ("Size", part.size)])
        for number, part in ((number, upload.parts[number]) for number in numbers[:most])
    ]
    return xml_answer("ListPartsResult", ("Bucket", upload.bucket), ("Key", upload.key), ("UploadId", upload.identity),
                      ("PartNumberMarker", after), ("NextPartNumberMarker", (numbers[:most] or [after])[-1]),
                      ("MaxParts", most), ("IsTruncated", str(len(numbers) > most).lower()), *shown)


def _upload(store: Store, request: Request) -> Upload:
    return store.upload(request.query.get("uploadId", ""), request.bucket, request.key)
