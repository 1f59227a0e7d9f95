"""The stores that speak as Alibaba's and Tencent's, by oss2 and the COS client."""

import hashlib
import json
import os
import socket
import uuid
from contextlib import contextmanager
from urllib.request import urlopen

import oss2
from oss2.models import PartInfo
from qcloud_cos import CosConfig, CosS3Client
from qcloud_cos.cos_exception import CosServiceError

MIB = 1 << 20


def checks(services: dict):
    oss, cos = services["oss"], services["cos"]
    yield "oss: objects", lambda: oss_objects(oss)
    yield "oss: parts", lambda: oss_parts(oss)
    yield "oss: conditions", lambda: oss_conditions(oss)
    yield "oss: tags and pages", lambda: oss_tags_and_pages(oss)
    yield "oss: hosts", lambda: oss_hosts(oss)
    yield "oss: keys", lambda: oss_keys(oss)
    yield "cos: objects", lambda: cos_objects(cos)
    yield "cos: parts", lambda: cos_parts(cos)
    yield "cos: conditions", lambda: cos_conditions(cos)
    yield "cos: keys and hosts", lambda: cos_keys(cos)
    for server in (oss, cos):
        yield f"{server['domain']}: a body that ends early leaves nothing", lambda server=server: ends_early(server)


def prefix() -> str:
    return f"check/{uuid.uuid4().hex[:8]}/"


def visible(server: dict, start: str) -> dict:
    state = json.load(urlopen(server["stateUrl"]))
    return {kind: [one["key"] for one in state[kind] if one["key"].startswith(start)] for kind in state}


def oss_bucket(server: dict, auth=None, endpoint: str | None = None, **more) -> oss2.Bucket:
    auth = auth or oss2.AuthV4(server["accessKey"], server["secretKey"])
    return oss2.Bucket(auth, endpoint or server["endpointUrl"], server["bucket"], region=server["region"], **more)


def oss_refused(status: int, code: str, run) -> None:
    try:
        run()
    except oss2.exceptions.ServerError as error:
        assert (error.status, error.code) == (status, code), error
    else:
        raise AssertionError(f"{status} {code} was expected, and there was no error")


def oss_objects(server: dict) -> None:
    bucket, key, data = oss_bucket(server), prefix() + "a b+c/ü&?.bin", os.urandom(2 * MIB)
    headers = {"Content-Type": "image/png", "Cache-Control": "no-store", "x-oss-meta-label": "secret"}
    done = bucket.put_object(key, data, headers)
    assert done.etag == hashlib.md5(data).hexdigest().upper()
    got = bucket.get_object(key)
    assert got.read() == data and got.client_crc == got.server_crc
    head = bucket.head_object(key)
    assert head.content_length == len(data) and head.content_type == "image/png"
    assert head.headers["cache-control"] == "no-store" and head.headers["x-oss-meta-label"] == "secret"
    assert bucket.get_object(key, byte_range=(100, 199)).read() == data[100:200]
    assert bucket.get_object(key, byte_range=(None, 7)).read() == data[-7:]
    bucket.put_object(key + "2", b"")
    assert bucket.get_object(key + "2").read() == b""
    bucket.delete_object(key)
    oss_refused(404, "NoSuchKey", lambda: bucket.get_object(key))
    assert not bucket.object_exists(key)


def oss_parts(server: dict) -> None:
    bucket, start, data = oss_bucket(server), prefix(), os.urandom(MIB)
    etag = bucket.put_object(start + "source", data).etag
    key = start + "whole"
    upload = bucket.init_multipart_upload(key, headers={"x-oss-meta-a": "b", "x-oss-tagging": "c=d%20e"}).upload_id
    assert visible(server, start) == {"objects": [start + "source"], "uploads": [key]}
    assert [one.upload_id for one in bucket.list_multipart_uploads(prefix=start).upload_list] == [upload]
    first = bucket.upload_part(key, upload, 1, data[: 200 << 10])
    match = {"x-oss-copy-source-if-match": etag}
    second = bucket.upload_part_copy(server["bucket"], start + "source", (200 << 10, MIB - 1), key, upload, 2, match)
    wrong = {"x-oss-copy-source-if-match": "0" * 32}
    oss_refused(412, "PreconditionFailed", lambda: bucket.upload_part_copy(
        server["bucket"], start + "source", (0, MIB - 1), key, upload, 3, wrong))
    listed = bucket.list_parts(key, upload).parts
    assert [(one.part_number, one.size) for one in listed] == [(1, 200 << 10), (2, MIB - (200 << 10))]
    oss_refused(400, "InvalidPart", lambda: bucket.complete_multipart_upload(key, upload, [PartInfo(1, "0" * 32)]))
    done = bucket.complete_multipart_upload(key, upload, [PartInfo(1, first.etag), PartInfo(2, second.etag)])
    assert done.etag.endswith("-2"), done.etag
    assert bucket.get_object(key).read() == data and bucket.head_object(key).headers["x-oss-meta-a"] == "b"
    assert bucket.get_object_tagging(key).tag_set.tagging_rule == {"c": "d e"}
    upload = bucket.init_multipart_upload(key).upload_id
    small = [PartInfo(number, bucket.upload_part(key, upload, number, b"x").etag) for number in (1, 2)]
    oss_refused(400, "EntityTooSmall", lambda: bucket.complete_multipart_upload(key, upload, small))
    bucket.abort_multipart_upload(key, upload)
    assert not visible(server, start)["uploads"]
    oss_refused(404, "NoSuchUpload", lambda: bucket.upload_part(key, upload, 1, b"x"))


def oss_conditions(server: dict) -> None:
    bucket, key = oss_bucket(server), prefix() + "a"
    etag = bucket.put_object(key, b"bytes").etag
    only_new = {"x-oss-forbid-overwrite": "true"}
    oss_refused(409, "FileAlreadyExists", lambda: bucket.put_object(key, b"other", only_new))
    oss_refused(400, "InvalidDigest", lambda: bucket.put_object(key, b"other", {"Content-MD5": "AAAAAAAAAAAAAAAAAAAAAA=="}))
    assert bucket.get_object(key, headers={"If-Match": etag}).read() == b"bytes"
    oss_refused(412, "PreconditionFailed", lambda: bucket.get_object(key, headers={"If-Match": "0" * 32}))
    try:
        bucket.get_object(key, headers={"If-None-Match": etag})
        raise AssertionError("If-None-Match was ignored")
    except oss2.exceptions.NotModified:
        pass
    bucket.copy_object(server["bucket"], key, key + "2", {"x-oss-copy-source-if-match": etag})
    oss_refused(404, "NoSuchBucket", lambda: oss2.Bucket(
        bucket.auth, server["endpointUrl"], "missing", region=server["region"]).put_object(key, b"x"))


def oss_tags_and_pages(server: dict) -> None:
    bucket, start = oss_bucket(server), prefix()
    for name in ("a", "b", "c/1", "c/2", "d+ü"):
        bucket.put_object(start + name, name)
    rule = oss2.models.TaggingRule()
    rule.add("label", "a b&c")
    bucket.put_object_tagging(start + "a", oss2.models.Tagging(rule))
    assert bucket.get_object_tagging(start + "a").tag_set.tagging_rule == {"label": "a b&c"}
    bucket.delete_object_tagging(start + "a")
    assert not bucket.get_object_tagging(start + "a").tag_set.tagging_rule
    found = [one.key for one in oss2.ObjectIteratorV2(bucket, prefix=start, delimiter="/", max_keys=2)]
    assert found == [start + name for name in ("a", "b", "c/", "d+ü")], found
    assert [one.key for one in oss2.ObjectIterator(bucket, prefix=start, max_keys=2)] == [
        start + name for name in ("a", "b", "c/1", "c/2", "d+ü")]


@contextmanager
def names_on_loopback():
    """Every name is this machine, as the vendors' domains would be with another resolver."""
    before = socket.getaddrinfo
    socket.getaddrinfo = lambda _, port, *more, **words: before("127.0.0.1", port, *more, **words)
    try:
        yield
    finally:
        socket.getaddrinfo = before


def oss_hosts(server: dict) -> None:
    port, key = server["endpointUrl"].rpartition(":")[2], prefix() + "a b"
    with names_on_loopback():
        oss_bucket(server, endpoint=f"http://{server['domain']}:{port}").put_object(key, b"bytes")
        custom = oss_bucket(server, endpoint=f"http://{server['customDomain']}:{port}", is_cname=True)
        assert custom.get_object(key).read() == b"bytes"


def oss_keys(server: dict) -> None:
    key = prefix() + "a"
    wrong = oss2.AuthV4(server["accessKey"], "wrong")
    oss_refused(403, "SignatureDoesNotMatch", lambda: oss_bucket(server, wrong).put_object(key, b"x"))
    unknown = oss2.AuthV4("unknown", "wrong")
    oss_refused(403, "InvalidAccessKeyId", lambda: oss_bucket(server, unknown).put_object(key, b"x"))
    old = oss2.Auth(server["accessKey"], server["secretKey"])
    oss_refused(400, "InvalidArgument", lambda: oss_bucket(server, old).put_object(key, b"x"))
    sts = server["stsAccessKey"], server["stsSecretKey"]
    oss_refused(403, "InvalidAccessKeyId", lambda: oss_bucket(server, oss2.AuthV4(*sts)).put_object(key, b"x"))
    bad = oss2.StsAuth(*sts, "another token", auth_version=oss2.AUTH_VERSION_4)
    oss_refused(403, "InvalidSecurityToken", lambda: oss_bucket(server, bad).put_object(key, b"x"))
    good = oss2.StsAuth(*sts, server["stsToken"], auth_version=oss2.AUTH_VERSION_4)
    assert not visible(server, key)["objects"]
    oss_bucket(server, good).put_object(key, b"x")
    assert visible(server, key)["objects"] == [key]


def cos_client(server: dict, key: str = "accessKey", secret: str = "secretKey", token: str | None = None, **more):
    port = server["endpointUrl"].rpartition(":")[2]
    config = CosConfig(Region=server["region"], SecretId=server.get(key, key), SecretKey=server.get(secret, secret),
                       Token=token, Scheme="http", **({"Endpoint": f"{server['domain']}:{port}"} | more))
    return CosS3Client(config, retry=0)


def cos_refused(status: int, code: str, run) -> None:
    try:
        run()
    except CosServiceError as error:
        assert (error.get_status_code(), error.get_error_code()) == (status, code), error
    else:
        raise AssertionError(f"{status} {code} was expected, and there was no error")


def cos_objects(server: dict) -> None:
    with names_on_loopback():
        client, key, data = cos_client(server), prefix() + "a b+c/ü&?.bin", os.urandom(2 * MIB)
        where = {"Bucket": server["bucket"], "Key": key}
        done = client.put_object(**where, Body=data, ContentType="image/png", Metadata={"x-cos-meta-label": "secret"},
                                 **{"CacheControl": "no-store"})
        assert done["ETag"] == f'"{hashlib.md5(data).hexdigest()}"'
        got = client.get_object(**where)
        assert got["Body"].get_raw_stream().read() == data and got["x-cos-meta-label"] == "secret"
        assert got["Content-Type"] == "image/png" and got["Cache-Control"] == "no-store"
        assert client.get_object(**where, Range="bytes=100-199")["Body"].get_raw_stream().read() == data[100:200]
        client.put_object_tagging(**where, Tagging={"TagSet": {"Tag": [{"Key": "label", "Value": "a b"}]}})
        assert client.get_object_tagging(**where)["TagSet"]["Tag"] == [{"Key": "label", "Value": "a b"}]
        start = key.rpartition("c/")[0]
        page = client.list_objects(server["bucket"], Prefix=start, Delimiter="/")
        assert page["CommonPrefixes"] == [{"Prefix": start + "c/"}], page
        client.delete_object(**where)
        cos_refused(404, "NoSuchResource", lambda: client.head_object(**where))
        cos_refused(404, "NoSuchKey", lambda: client.get_object(**where))


def cos_parts(server: dict) -> None:
    with names_on_loopback():
        client, start, data = cos_client(server), prefix(), os.urandom(3 * MIB)
        bucket, key = server["bucket"], start + "whole"
        client.put_object(bucket, data, start + "source")
        upload = client.create_multipart_upload(bucket, key)["UploadId"]
        assert visible(server, start) == {"objects": [start + "source"], "uploads": [key]}
        listed = client.list_multipart_uploads(bucket, Prefix=start)["Upload"]
        assert [one["UploadId"] for one in listed] == [upload]
        first = client.upload_part(bucket, key, data[:MIB], 1, upload)["ETag"]
        source = {"Bucket": bucket, "Key": start + "source", "Region": server["region"],
                  "Endpoint": server["domain"]}
        second = client.upload_part_copy(bucket, key, 2, upload, source, f"bytes={MIB}-{3 * MIB - 1}")["ETag"]
        assert len(client.list_parts(bucket, key, upload)["Part"]) == 2
        parts = {"Part": [{"PartNumber": 1, "ETag": first}, {"PartNumber": 2, "ETag": second}]}
        client.complete_multipart_upload(bucket, key, upload, parts)
        assert client.get_object(bucket, key)["Body"].get_raw_stream().read() == data
        upload = client.create_multipart_upload(bucket, key)["UploadId"]
        client.abort_multipart_upload(bucket, key, upload)
        assert not visible(server, start)["uploads"]


def cos_conditions(server: dict) -> None:
    with names_on_loopback():
        client, bucket, key = cos_client(server), server["bucket"], prefix() + "a"
        etag = client.put_object(bucket, b"bytes", key)["ETag"]
        config = {"Bucket": bucket, "Key": key, "Body": b"other"}
        cos_refused(409, "FileAlreadyExists", lambda: client.put_object(
            **config, Metadata={"x-cos-forbid-overwrite": "true"}))
        cos_refused(400, "BadDigest", lambda: client.put_object(**config, ContentMD5="AAAAAAAAAAAAAAAAAAAAAA=="))
        assert client.get_object(bucket, key, IfMatch=etag)["Body"].get_raw_stream().read() == b"bytes"
        cos_refused(412, "PreconditionFailed", lambda: client.get_object(bucket, key, IfMatch='"0"'))
        cos_refused(404, "NoSuchBucket", lambda: client.put_object("missing-1250000000", b"x", key))


def cos_keys(server: dict) -> None:
    port, key, bucket = server["endpointUrl"].rpartition(":")[2], prefix() + "a", server["bucket"]
    with names_on_loopback():
        put = lambda **words: cos_client(server, **words).put_object(bucket, b"x", key)
        cos_refused(403, "SignatureDoesNotMatch", lambda: put(secret="wrong"))
        cos_refused(403, "InvalidAccessKeyId", lambda: put(key="unknown"))
        sts = {"key": "stsAccessKey", "secret": "stsSecretKey"}
        cos_refused(403, "InvalidAccessKeyId", lambda: put(**sts))
        assert not visible(server, key)["objects"]
        put(**sts, token=server["stsToken"])
        custom = cos_client(server, Domain=f"{server['customDomain']}:{port}")
        assert custom.get_object(bucket, key)["Body"].get_raw_stream().read() == b"x"


def ends_early(server: dict) -> None:
    """A body that is cut off, under a signature that is right."""
    key = prefix() + "cut"
    head = signed_head(server, key)
    host, port = server["endpointUrl"].removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(head + b"Content-Length: 1000\r\n\r\n" + b"x" * 500)
        connection.shutdown(socket.SHUT_WR)
        assert not connection.recv(1000).startswith(b"HTTP/1.1 2")
    assert not visible(server, key)["objects"]


def signed_head(server: dict, key: str) -> bytes:
    path = f"/{server['bucket']}/{key}"
    if server["bucket"] == "tests":
        request = oss2.http.Request("PUT", server["endpointUrl"] + path, region=server["region"], product="oss")
        oss2.AuthV4(server["accessKey"], server["secretKey"])._sign_request(request, server["bucket"], key)
        headers = {name: value for name, value in request.headers.items() if name.startswith(("x-oss", "auth"))}
    else:
        with names_on_loopback():
            url = cos_client(server).get_auth("PUT", server["bucket"], key, SignHost=False)
        headers, path = {"Authorization": url, "Host": f"{server['bucket']}.{server['domain']}"}, f"/{key}"
    lines = [f"PUT {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    if "Host" not in headers:
        lines.append(f"Host: {server['endpointUrl'].removeprefix('http://')}")
    return "\r\n".join(lines).encode() + b"\r\n"
