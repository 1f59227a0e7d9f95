"""nginx and the receiver, by requests."""

import json
import os
import time
import uuid
from pathlib import Path

import requests


def checks(services: dict):
    nginx, receiver = services["nginx"], services["receiver"]
    yield "nginx: PUT over HTTP and HTTPS", lambda: puts(nginx)
    yield "nginx: an unknown authority", lambda: unknown_authority(nginx)
    yield "nginx: passwords and bearers", lambda: refusals(nginx)
    yield "nginx: redirects", lambda: redirects(nginx)
    yield "receiver: forms", lambda: forms(receiver)
    yield "receiver: raw bodies", lambda: raw(receiver)
    yield "receiver: refusals", lambda: receiver_refusals(receiver)


def puts(server: dict) -> None:
    for base in (server["http"], server["https"], server["https"].replace("127.0.0.1", "localhost")):
        name, data = f"new/{uuid.uuid4().hex} ü.bin", os.urandom(3 << 20)
        assert requests.put(f"{base}/{name}", data, verify=server["ca"]).status_code == 201
        assert (Path(server["root"]) / name).read_bytes() == data
        assert requests.put(f"{base}/{name}", iter([data, data]), verify=server["ca"]).status_code == 204
        assert (Path(server["root"]) / name).read_bytes() == data + data


def unknown_authority(server: dict) -> None:
    try:
        requests.get(server["https"])
    except requests.exceptions.SSLError:
        return
    raise AssertionError("the certificate was taken")


def refusals(server: dict) -> None:
    put = lambda path, status, **words: expect(requests.put(server["http"] + path, b"x" * 2000, **words), status)
    name = uuid.uuid4().hex
    put(f"/basic/{name}", 401)
    put(f"/basic/{name}", 201, auth=(server["user"], server["password"]))
    put(f"/bearer/{name}", 401)
    put(f"/bearer/{name}", 201, headers={"Authorization": f"Bearer {server['bearer']}"})
    put(f"/small/{name}", 413)
    put("/status/500", 500)
    put("/status/404", 404)
    assert put("/status/503", 503).headers["Retry-After"] == "1"
    assert put("/status/429", 429).headers["Retry-After"] == "1"


def expect(answer: requests.Response, status: int) -> requests.Response:
    assert answer.status_code == status, f"{answer.request.url}: {answer.status_code} instead of {status}"
    return answer


def redirects(server: dict) -> None:
    http, https = server["http"], server["https"]
    name = uuid.uuid4().hex
    for kind, start in (("same", http), ("permanent", http), ("host", http.replace("127.0.0.1", "localhost")),
                        ("scheme", https)):
        answer = requests.put(f"{http}/redirect/{kind}/{name}", b"x", allow_redirects=False)
        expect(answer, 308 if kind == "permanent" else 307)
        assert answer.headers["Location"] == f"{start}/{name}", answer.headers
    answer = requests.put(f"{http}/redirect/port/{name}", b"x", allow_redirects=False)
    assert answer.headers["Location"].startswith("http://127.0.0.1:") and http not in answer.headers["Location"]
    assert requests.put(f"{http}/redirect/same/{name}", b"followed").status_code == 201
    assert (Path(server["root"]) / name).read_bytes() == b"followed"


def forms(server: dict) -> None:
    name, data = uuid.uuid4().hex, os.urandom(3 << 20)
    answer = requests.post(f"{server['url']}/{name}", data={"metadata": json.dumps({"a": "ü"})},
                           files={"file": ('ü "q".pdf', data, "application/pdf")})
    expect(answer, 200)
    where = Path(server["root"]) / name / "1"
    upload = json.loads((where / "upload.json").read_text())
    assert (where / "body").read_bytes() == data
    assert json.loads(upload["fields"]["metadata"][0]) == {"a": "ü"} and upload["bytes"] == len(data)
    assert upload["files"][0]["field"] == "file" and upload["files"][0]["filename"] == 'ü "q".pdf', upload["files"]


def raw(server: dict) -> None:
    name = uuid.uuid4().hex
    for method, data, sent in (("POST", b"one", b"one"), ("PUT", iter([b"tw", b"o"]), b"two"), ("PUT", b"", b"")):
        expect(requests.request(method, f"{server['url']}/raw/{name}?q=1", data=data), 200)
        number = max(int(entry.name) for entry in (Path(server["root"]) / "raw" / name).iterdir())
        assert (Path(server["root"]) / "raw" / name / str(number) / "body").read_bytes() == sent


def receiver_refusals(server: dict) -> None:
    name = uuid.uuid4().hex
    post = lambda path, status, **words: expect(requests.post(f"{server['url']}/{path}", b"x", **words), status)
    post(f"bearer/{name}", 401)
    post(f"bearer/{name}", 200, headers={"Authorization": f"Bearer {server['bearer']}"})
    for status in (503, 503, 200):
        post(f"flaky/2/503/{name}2", status)
    post("status/507/x", 507)
    began = time.monotonic()
    post(f"slow/0.5/{name}3", 200)
    assert time.monotonic() - began >= 0.5
