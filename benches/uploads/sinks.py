"""The sinks, the servers for them, and the clients that are compared."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from measure import run
from places import Bucket, Container, Folder, Forms

ROOT = Path(__file__).resolve().parents[2]
SERVICES = ROOT / "target" / "services"
CLIENTS = SERVICES / "venvs" / "clients" / "bin"
#: As unlabel's, for a client that has no default of its own.
PART = 8 << 20
#: Nothing of the settings, keys and proxies of whoever runs this.
ENV = {
    "PATH": os.environ["PATH"],
    "HOME": str(SERVICES),
    "LANG": "C.UTF-8",
    # Libraries are installed uncompiled; to compile them each time would be most of what their clients do.
    "PYTHONPYCACHEPREFIX": str(SERVICES / "pycache"),
}

#: From the place of an upload, and the file or folder that goes there, to the words of a command.
Command = Callable[[str, Path], list]


@dataclass
class Sink:
    """A sink, a server for it, and how each client sends there."""

    name: str
    server: str
    place: Bucket | Container | Folder
    env: dict[str, str]
    clients: dict[str, Command]


def sinks(services: dict, binary: Path) -> Iterator[Sink]:
    """All of them, on the servers that `services` describes."""
    for title, server in [("Swift", services["swift"]), ("Ceph RGW", services["rgw"])]:
        clients = {"unlabel": unlabel(binary, "s3://{}/"), "boto3": library("boto3"), "aws": aws}
        yield Sink("s3", title, Container(server), s3_env(server["s3"]), clients)
        env = {**ENV, "ST_AUTH": server["authUrl"], "ST_USER": server["user"], "ST_KEY": server["key"]}
        clients = {"unlabel": unlabel(binary, "swift://{}/"), "swift": swift}
        yield Sink("swift", title, Container(server), env, clients)
    names = ["OSS_REGION", "OSS_ENDPOINT", "OSS_ACCESS_KEY_ID", "OSS_ACCESS_KEY_SECRET"]
    yield bucket("oss", "oss2", names, services["oss"], binary)
    names = ["COS_REGION", "COS_ENDPOINT", "COS_SECRET_ID", "COS_SECRET_KEY"]
    yield bucket("cos", "qcloud_cos", names, services["cos"], binary)
    clients = {"unlabel": unlabel(binary, "{}", "--upload-form", "put"), "curl": curl_put}
    yield Sink("http PUT", "nginx", Folder(services["nginx"]), ENV, clients)
    clients = {"unlabel": unlabel(binary, "{}"), "curl": curl_form}
    yield Sink("http form", "receiver", Forms(services["receiver"]), ENV, clients)


def s3_env(s3: dict) -> dict[str, str]:
    """Both names of the region: boto3 knows one, the other SDKs the other."""
    return {
        **ENV,
        "AWS_ACCESS_KEY_ID": s3["accessKey"],
        "AWS_SECRET_ACCESS_KEY": s3["secretKey"],
        "AWS_REGION": s3["region"],
        "AWS_DEFAULT_REGION": s3["region"],
        "AWS_ENDPOINT_URL": s3["endpointUrl"],
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def bucket(kind: str, client: str, names: list[str], server: dict, binary: Path) -> Sink:
    values = (server[field] for field in ("region", "endpointUrl", "accessKey", "secretKey"))
    env = {**ENV, **dict(zip(names, values, strict=True))}
    place = Bucket(server, lambda to, files: run(library(f"{kind}_clear")(to, *files), env))
    return Sink(kind, "local store", place, env, {"unlabel": unlabel(binary, kind + "://{}/"), client: library(kind)})


def unlabel(binary: Path, url: str, *options: str) -> Command:
    return lambda place, path: [binary, "strip", "-q", "-l", "id", *options, "--to", url.format(place), path]


def library(kind: str) -> Callable[..., list]:
    return lambda place, *paths: [CLIENTS / "python", ROOT / "benches/uploads/clients.py", kind, place, *paths]


def aws(place: str, path: Path) -> list:
    to = f"s3://{place}/" + ("" if path.is_dir() else path.name)
    return [CLIENTS / "aws", "s3", "cp", "--quiet", *(["--recursive"] if path.is_dir() else []), path, to]


def swift(place: str, path: Path) -> list:
    upload = [CLIENTS / "swift", "-q", "upload", "--use-slo", "--segment-size", PART, place, path]
    return upload if path.is_dir() else [*upload, "--object-name", path.name]


def curl_put(place: str, path: Path) -> list:
    if not path.is_dir():
        return ["curl", "-sSf", "-T", path, place]
    return curl_many(path, lambda file: [f'url = "{place}"', f'upload-file = "{file}"'])


def curl_form(place: str, path: Path) -> list:
    if not path.is_dir():
        return ["curl", "-sSf", "-F", "metadata={}", "-F", f"request=@{path}", place]
    return curl_many(path, lambda file: [f'url = "{place}"', 'form = "metadata={}"', f'form = "request=@{file}"'])


def curl_many(folder: Path, request: Callable[[Path], list[str]]) -> list:
    """One curl for all files, as many at a time as it takes by itself."""
    config = folder.with_suffix(".curl")
    requests = ["\n".join([*request(file), "fail", "silent", "show-error"]) for file in sorted(folder.iterdir())]
    config.write_text("\nnext\n".join(requests))
    return ["curl", "-Z", "-K", config]
