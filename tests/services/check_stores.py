"""Swift and S3, by python-swiftclient, boto3 and the AWS command line."""

import hashlib
import json
import os
import subprocess
import sys
import time
import uuid
from urllib.request import Request, urlopen
from pathlib import Path

import boto3
import swiftclient
from botocore.config import Config
from botocore.exceptions import ClientError
from swiftclient.exceptions import ClientException

MIB = 1 << 20


def checks(services: dict):
    for name in ("swift", "swift_small", "rgw"):
        server = services[name]
        yield f"{name}: objects by swiftclient", lambda server=server: swift_objects(v1(server))
        yield f"{name}: S3 by boto3", lambda server=server: s3_objects(server["s3"])
        yield f"{name}: wrong keys", lambda server=server: wrong_keys(server)
    yield "swift: S3 by the AWS command line", lambda: aws_command(services["swift"]["s3"])
    yield "swift: a reader without rights", lambda: reader(services["swift"])
    yield "swift_small: 413 over 10 MiB, and segments instead", lambda: too_large(services["swift_small"])
    yield "swift_small: tokens end after four seconds", lambda: token_ends(services["swift_small"])
    yield "rgw: object tags, and conditions to write", lambda: tags(services["rgw"]["s3"])
    yield "keystone: password", lambda: swift_objects(by_password(services["keystone"]))
    yield "keystone: application credential", lambda: swift_objects(by_credential(services["keystone"]))
    yield "keystone: a revoked token is refused at once", lambda: revoked(services["keystone"])


def v1(server: dict, **changes) -> swiftclient.Connection:
    words = {"authurl": server["authUrl"], "user": server["user"], "key": server["key"], "retries": 0, **changes}
    return swiftclient.Connection(**words)


def by_password(server: dict) -> swiftclient.Connection:
    return swiftclient.Connection(
        authurl=server["authUrl"], user=server["user"], key=server["password"], auth_version="3", retries=0,
        os_options={"project_name": server["project"], "project_domain_name": server["domain"],
                    "user_domain_name": server["domain"]})


def by_credential(server: dict) -> swiftclient.Connection:
    return swiftclient.Connection(
        authurl=server["authUrl"], auth_version="3", retries=0,
        os_options={"auth_type": "v3applicationcredential",
                    "application_credential_id": server["appCredentialId"],
                    "application_credential_secret": server["appCredentialSecret"]})


def swift_objects(connection: swiftclient.Connection) -> None:
    container, data = f"check-{uuid.uuid4().hex[:8]}", os.urandom(3 * MIB)
    connection.put_container(container)
    etag = connection.put_object(container, "a b/ü.bin", data, content_type="image/png",
                                 headers={"X-Object-Meta-Label": "secret"})
    assert etag == hashlib.md5(data).hexdigest(), etag
    headers, got = connection.get_object(container, "a b/ü.bin")
    assert got == data and headers["content-type"] == "image/png" and headers["x-object-meta-label"] == "secret"
    refused(422, lambda: connection.put_object(container, "bad", b"x", etag="0" * 32))
    assert [entry["name"] for entry in connection.get_container(container)[1]] == ["a b/ü.bin"]
    connection.delete_object(container, "a b/ü.bin")
    connection.delete_container(container)
    refused(404, lambda: connection.put_object(container, "x", b"x"))


def refused(status: int, run) -> None:
    try:
        run()
    except ClientException as error:
        assert error.http_status == status, error
    except ClientError as error:
        assert error.response["ResponseMetadata"]["HTTPStatusCode"] == status, error
    else:
        raise AssertionError(f"{status} was expected, and there was no error")


def s3(server: dict, **changes):
    words = {"aws_access_key_id": server["accessKey"], "aws_secret_access_key": server["secretKey"], **changes}
    config = Config(s3={"addressing_style": "path"}, retries={"max_attempts": 1},
                    request_checksum_calculation="when_required", response_checksum_validation="when_required")
    return boto3.client("s3", endpoint_url=server["endpointUrl"], region_name=server["region"], config=config, **words)


def s3_objects(server: dict) -> None:
    client, bucket = s3(server), f"check-{uuid.uuid4().hex[:8]}"
    client.create_bucket(Bucket=bucket)
    data = os.urandom(6 * MIB)
    client.put_object(Bucket=bucket, Key="a b/ü", Body=data, Metadata={"label": "secret"})
    got = client.get_object(Bucket=bucket, Key="a b/ü")
    assert got["Body"].read() == data and got["Metadata"] == {"label": "secret"}
    refused(400, lambda: client.put_object(Bucket=bucket, Key="bad", Body=b"x", ContentMD5="AAAAAAAAAAAAAAAAAAAAAA=="))
    refused(412, lambda: client.put_object(Bucket=bucket, Key="a b/ü", Body=b"x", IfNoneMatch="*"))
    upload = client.create_multipart_upload(Bucket=bucket, Key="parts")["UploadId"]
    where = {"Bucket": bucket, "Key": "parts", "UploadId": upload}
    first = client.upload_part(**where, PartNumber=1, Body=data[: 5 * MIB])["ETag"]
    second = copy_tail(client, bucket, where, len(data))
    client.complete_multipart_upload(**where, MultipartUpload={
        "Parts": [{"PartNumber": 1, "ETag": first}, {"PartNumber": 2, "ETag": second}]})
    assert client.get_object(Bucket=bucket, Key="parts")["Body"].read() == data
    upload = client.create_multipart_upload(Bucket=bucket, Key="unfinished")["UploadId"]
    assert [one["UploadId"] for one in client.list_multipart_uploads(Bucket=bucket)["Uploads"]] == [upload]
    client.abort_multipart_upload(Bucket=bucket, Key="unfinished", UploadId=upload)
    assert not client.list_multipart_uploads(Bucket=bucket).get("Uploads")
    assert [one["Key"] for one in client.list_objects_v2(Bucket=bucket)["Contents"]] == ["a b/ü", "parts"]
    for key in ("a b/ü", "parts"):
        client.delete_object(Bucket=bucket, Key=key)
    client.delete_bucket(Bucket=bucket)


def copy_tail(client, bucket: str, where: dict, size: int) -> str:
    """With a length, which Ceph's gateway asks for and the client leaves out."""
    def with_length(request, **_):
        request.headers["Content-Length"] = "0"

    client.meta.events.register("before-sign.s3.UploadPartCopy", with_length)
    source, span = {"Bucket": bucket, "Key": "a b/ü"}, f"bytes={5 * MIB}-{size - 1}"
    return client.upload_part_copy(**where, PartNumber=2, CopySource=source, CopySourceRange=span)["CopyPartResult"]["ETag"]


def wrong_keys(server: dict) -> None:
    refused(403, lambda: s3(server["s3"], aws_secret_access_key="wrong").list_buckets())
    try:
        v1(server, key="wrong").get_account()
    except ClientException as error:
        assert "Auth" in str(error) or error.http_status in (401, 403), error
    else:
        raise AssertionError("a wrong key was taken")


def aws_command(server: dict) -> None:
    bucket = f"check-{uuid.uuid4().hex[:8]}"
    s3(server).create_bucket(Bucket=bucket)
    env = {**os.environ, "AWS_ACCESS_KEY_ID": server["accessKey"], "AWS_SECRET_ACCESS_KEY": server["secretKey"],
           "AWS_DEFAULT_REGION": server["region"]}
    aws = [Path(sys.executable).with_name("aws"), "--endpoint-url", server["endpointUrl"], "s3"]
    for words in (["cp", "-", f"s3://{bucket}/key"], ["ls", f"s3://{bucket}/"], ["rb", "--force", f"s3://{bucket}"]):
        done = subprocess.run([*aws, *words], env=env, input=b"bytes", capture_output=True)
        assert done.returncode == 0, done.stderr.decode()


def reader(server: dict) -> None:
    owner = v1(server)
    other = v1(server, user=server["readonlyUser"], key=server["readonlyKey"])
    container = f"check-{uuid.uuid4().hex[:8]}"
    owner.put_container(container, headers={"X-Container-Read": server["readonlyUser"]})
    owner.put_object(container, "a", b"bytes")
    assert other.get_object(container, "a")[1] == b"bytes"
    refused(403, lambda: other.put_object(container, "b", b"bytes"))


def too_large(server: dict) -> None:
    connection, container = v1(server), f"check-{uuid.uuid4().hex[:8]}"
    connection.put_container(container)
    refused(413, lambda: connection.put_object(container, "a", bytes(10 * MIB + 1), content_length=10 * MIB + 1))
    pieces = [os.urandom(MIB), os.urandom(MIB)]
    for number, piece in enumerate(pieces):
        connection.put_object(container, f"piece/{number}", piece)
    manifest = [{"path": f"/{container}/piece/{number}"} for number in range(2)]
    connection.put_object(container, "whole", json.dumps(manifest), query_string="multipart-manifest=put")
    assert connection.get_object(container, "whole")[1] == b"".join(pieces)


def token_ends(server: dict) -> None:
    url, token = v1(server).get_auth()
    swiftclient.head_account(url, token)
    time.sleep(5)
    refused(401, lambda: swiftclient.head_account(url, token))


def tags(server: dict) -> None:
    client, bucket = s3(server), f"check-{uuid.uuid4().hex[:8]}"
    client.create_bucket(Bucket=bucket)
    etag = client.put_object(Bucket=bucket, Key="a", Body=b"bytes", Tagging="label=secret")["ETag"]
    assert client.get_object_tagging(Bucket=bucket, Key="a")["TagSet"] == [{"Key": "label", "Value": "secret"}]
    refused(412, lambda: client.put_object(Bucket=bucket, Key="a", Body=b"x", IfMatch='"' + "0" * 32 + '"'))
    # This release compares with the tag as it is sent, so that it must come without its quotation marks.
    refused(412, lambda: client.put_object(Bucket=bucket, Key="a", Body=b"other", IfMatch=etag))
    client.put_object(Bucket=bucket, Key="a", Body=b"other", IfMatch=etag.strip('"'))


def revoked(server: dict) -> None:
    url, token = by_password(server).get_auth()
    swiftclient.head_account(url, token)
    urlopen(Request(server["authUrl"] + "/auth/tokens", method="DELETE",
                    headers={"X-Auth-Token": token, "X-Subject-Token": token})).close()
    refused(401, lambda: swiftclient.head_account(url, token))
