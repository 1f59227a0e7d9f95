"""The vendors' libraries, as a program of theirs would use them: clients.py boto3|oss|cos DESTINATION PATH...

Runs in the clients' environment. The settings are the variables that unlabel itself reads; DESTINATION is
BUCKET or BUCKET/FOLDER.
"""

import os
import socket
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

#: Requests at a time where a client has no default of its own: as many as the AWS clients make.
THREADS = 10
PART = 8 << 20


def boto3(bucket: str, files: dict[str, Path]) -> None:
    import boto3
    from boto3.s3.transfer import TransferConfig, create_transfer_manager

    client = boto3.client("s3")
    # One for all files; `upload_file` makes one for each.
    with create_transfer_manager(client, TransferConfig()) as manager:
        sent = [manager.upload(str(path), bucket, key) for key, path in files.items()]
        for future in sent:
            future.result()


def oss(bucket: str, files: dict[str, Path]) -> None:
    connected = oss_bucket(bucket)
    import oss2

    if len(files) == 1:
        [(key, path)] = files.items()
        oss2.resumable_upload(connected, key, str(path), part_size=PART, num_threads=4)
    else:
        at_once(lambda item: connected.put_object_from_file(item[0], str(item[1])), files.items())


def oss_clear(bucket: str, files: dict[str, Path]) -> None:
    at_once(oss_bucket(bucket).delete_object, files)


def oss_bucket(bucket: str):
    import oss2

    env = os.environ
    auth = oss2.AuthV4(env["OSS_ACCESS_KEY_ID"], env["OSS_ACCESS_KEY_SECRET"])
    return oss2.Bucket(auth, env["OSS_ENDPOINT"], bucket, region=env["OSS_REGION"])


def cos(bucket: str, files: dict[str, Path]) -> None:
    client = cos_client()
    at_once(lambda item: client.upload_file(bucket, item[0], str(item[1]), PartSize=PART >> 20, MAXThread=4),
            files.items())


def cos_clear(bucket: str, files: dict[str, Path]) -> None:
    client = cos_client()
    at_once(lambda key: client.delete_object(bucket, key), files)


def cos_client():
    from qcloud_cos import CosConfig, CosS3Client

    env, port = os.environ, urlsplit(os.environ["COS_ENDPOINT"]).port
    # This client puts the bucket before the host name, whatever the endpoint is.
    before = socket.getaddrinfo
    socket.getaddrinfo = lambda _, port, *more, **words: before("127.0.0.1", port, *more, **words)
    return CosS3Client(CosConfig(
        Region=env["COS_REGION"], SecretId=env["COS_SECRET_ID"], SecretKey=env["COS_SECRET_KEY"], Scheme="http",
        Endpoint=f"cos.{env['COS_REGION']}.myqcloud.com:{port}"))


def at_once(send, items) -> None:
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(send, items))


if __name__ == "__main__":
    kind, destination, *paths = sys.argv[1:]
    bucket, slash, folder = destination.partition("/")
    found = [file for path in map(Path, paths) for file in (sorted(path.iterdir()) if path.is_dir() else [path])]
    globals()[kind](bucket, {folder + slash + path.name: path for path in found})
