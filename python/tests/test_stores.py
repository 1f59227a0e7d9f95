"""From and to real stores, and shared directories. What arrived is looked at with plain HTTP."""

from __future__ import annotations

import json
import os
import urllib.request
import uuid
from functools import partial
from pathlib import Path

import pyarrow as pa
import pytest
import unlabel
from core.test_files import fixed
from made import docx, files, properties, words


class Swift:
    """A container, by the wire protocol: our own client has no part in it. S3 shows it as a bucket."""

    def __init__(self, server: dict[str, str]) -> None:
        login = urllib.request.Request(
            server["authUrl"], headers={"X-Auth-User": server["user"], "X-Auth-Key": server["key"]}
        )
        with urllib.request.urlopen(login) as answer:
            self.url, self.token = answer.headers["X-Storage-Url"], answer.headers["X-Auth-Token"]
        self.name = f"py-{uuid.uuid4().hex[:12]}"
        self.request("PUT")

    def request(self, method: str, key: str = "", body: bytes | None = None) -> bytes:
        url = f"{self.url}/{self.name}{'/' if key else ''}{urllib.request.pathname2url(key)}"
        request = urllib.request.Request(url, body, {"X-Auth-Token": self.token}, method=method)
        with urllib.request.urlopen(request) as answer:
            return answer.read()

    def keys(self) -> list[str]:
        return sorted(self.request("GET").decode().split("\n")[:-1])


@pytest.fixture
def environment(services, monkeypatch) -> None:
    """What the client of each store finds in the environment."""
    swift, s3 = services["swift"], services["swift"]["s3"]
    for name, value in {
        "ST_AUTH": swift["authUrl"],
        "ST_USER": swift["user"],
        "ST_KEY": swift["key"],
        "AWS_ACCESS_KEY_ID": s3["accessKey"],
        "AWS_SECRET_ACCESS_KEY": s3["secretKey"],
        "AWS_ENDPOINT_URL": s3["endpointUrl"],
        "AWS_REGION": s3["region"],
    }.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def container(services) -> Swift:
    return Swift(services["swift"])


NAMES = ["a.docx", "sub/b c.docx", "sub/deep/ü.docx", "clean.docx", "odd.bin"]


def content(name: str) -> bytes:
    if name == "odd.bin":
        return b"\x00\x01 nothing that is known"
    labels = {} if name == "clean.docx" else {"id": "8888"}
    return docx(name, Owner="Ann", **labels)


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize("to", ["directory", "s3", "swift"])
@pytest.mark.parametrize("source", ["directory", "s3", "swift"])
def test_every_way(source: str, to: str, container: Swift, tmp_path: Path) -> None:
    place = {
        "directory": str(tmp_path),
        "s3": f"s3://{container.name}",
        "swift": f"swift://{container.name}",
    }
    root, output = f"{place[source]}/in", f"{place[to]}/out"
    for name in NAMES:
        if source == "directory":
            path = tmp_path / "in" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content(name))
        else:
            container.request("PUT", f"in/{name}", content(name))
    table = pa.table({"path": [f"{root}/{name}" for name in [*NAMES, "missing.docx"]]})
    strip = partial(unlabel.strip_batch, labels={"id": "8888"}, root=root, output=output, digest=True)
    rows = strip(table).to_pylist()
    assert [row["outcome"] for row in rows] == ["stripped"] * 3 + ["clean", "unsupported", "failed"], rows
    assert [row["output"] for row in rows[:4]] == [f"{output}/{name}" for name in NAMES[:4]]
    assert {row["committed"] for row in rows[:4]} == {"new"}
    if to == "directory":
        arrived = {os.path.relpath(path, output): Path(path).read_bytes() for path in files(Path(output))}
    else:
        keys = [key for key in container.keys() if key.startswith("out/") and not key.endswith("_job.json")]
        arrived = {key.removeprefix("out/"): container.request("GET", key) for key in keys}
    assert sorted(arrived) == sorted(NAMES[:4])
    for name, document in arrived.items():
        assert properties(document) == {"Owner": "Ann"} and words(document) == name
    again = strip(table).to_pylist()
    assert fixed(again) == fixed(rows)
    assert {row["committed"] for row in again[:4]} == {"existing"}
    with pytest.raises(unlabel.JobError, match="labels differ"):
        strip(table, labels=["nothing"])
    other = strip(table, labels=["nothing"], if_exists="error").to_pylist()
    assert [row["error_code"] for row in other[:4]] == ["exists"] * 4


@pytest.mark.usefixtures("environment")
def test_single_objects(container: Swift, tmp_path: Path) -> None:
    container.request("PUT", "a.docx", content("a.docx"))
    url = f"s3://{container.name}/a.docx"
    assert [label["key"] for label in unlabel.list_labels(url)["labels"]] == ["Owner", "id"]
    assert len(unlabel.plan(url, labels=["id"])) > 0
    unlabel.strip_file(url, tmp_path / "b.docx", labels=["id"])
    assert properties(tmp_path / "b.docx") == {"Owner": "Ann"}
    row = unlabel.strip_file(url, in_place=True, labels=["id"])
    assert row["output"] == url and properties(container.request("GET", "a.docx")) == {"Owner": "Ann"}
    assert unlabel.strip_file(url, in_place=True, labels=["id"])["outcome"] == "clean"
    unlabel.strip_file(tmp_path / "b.docx", f"swift://{container.name}/c/d.docx", labels=["none"])
    assert container.keys() == ["a.docx", "c/d.docx"]
    with pytest.raises(unlabel.ExistsError):
        unlabel.strip_file(tmp_path / "b.docx", f"swift://{container.name}/c/d.docx", labels=["Owner"])
    with pytest.raises(unlabel.NotFoundError) as caught:
        unlabel.list_labels(f"{url}.missing")
    assert caught.value.kind == "not_found"
    with pytest.raises(unlabel.UsageError, match="names no object"):
        unlabel.strip_file(url, f"s3://{container.name}/", labels=["id"])


def test_options_stand_in_for_the_environment(services, container: Swift, tmp_path: Path, monkeypatch) -> None:
    for name in [name for name in os.environ if name.startswith(("AWS_", "ST_", "OS_"))]:
        monkeypatch.delenv(name)
    container.request("PUT", "a.docx", content("a.docx"))
    s3 = services["swift"]["s3"]
    options = {
        "aws_access_key_id": s3["accessKey"],
        "AWS_SECRET_ACCESS_KEY": s3["secretKey"],
        "AWS_ENDPOINT_URL": s3["endpointUrl"],
        "AWS_REGION": s3["region"],
    }
    url = f"s3://{container.name}/a.docx"
    assert unlabel.list_labels(url, storage_options=options)["format"] == "ooxml"
    assert unlabel.list_labels(url, storage_options=lambda: options)["format"] == "ooxml"
    wrong = {**options, "AWS_SECRET_ACCESS_KEY": "hush-hush"}
    with pytest.raises(unlabel.DeniedError) as caught:
        unlabel.list_labels(url, storage_options=wrong)
    assert "hush" not in str(caught.value) and caught.value.kind == "denied"
    (row,) = unlabel.strip_batch(
        pa.table({"path": [url]}), labels=["id"], output=str(tmp_path), storage_options=lambda: wrong
    ).to_pylist()
    assert row["error_code"] == "denied" and "hush" not in json.dumps(row)


def test_over_https(services, tmp_path: Path) -> None:
    nginx = services["nginx"]
    place = f"py-{uuid.uuid4().hex[:12]}"
    folder = Path(nginx["root"]) / place
    folder.mkdir()
    folder.chmod(0o777)
    for name in NAMES[:2]:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(content(name))
    root = f"{nginx['https']}/{place}"
    options = {"UNLABEL_CA_FILE": nginx["ca"]}
    paths = [f"{root}/{urllib.request.pathname2url(name)}?token=hush" for name in NAMES[:2]]
    rows = list(unlabel.strip_files(paths, tmp_path, root=root, labels=["id"], storage_options=options))
    assert [row["outcome"] for row in rows] == ["stripped"] * 2, rows
    assert "hush" not in str(rows)
    assert [list(properties(str(row["output"]))) for row in rows] == [["Owner"]] * 2
    # And back, by PUT.
    rows = list(
        unlabel.strip_files(
            [row["output"] for row in rows],
            f"{root}/out/",
            root=tmp_path,
            labels=["Owner"],
            if_exists="error",
            storage_options=options,
        )
    )
    assert [row["outcome"] for row in rows] == ["stripped"] * 2, rows
    assert properties(folder / "out/a.docx") == {}
