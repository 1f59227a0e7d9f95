"""A client of the label calls, as the vendor documents them: Python with requests. serve.py CASE URL FOLDER

FOLDER holds report.docx, which has the label id=8888, and clean.docx, the same without it.
"""

import hashlib
import hmac
import http.server
import io
import json
import random
import socket
import sys
import threading
import time
import uuid
import zipfile
from pathlib import Path

import requests

ACCESS_KEY, SECRET_KEY, APP = "AKEXAMPLE0001", "SKEXAMPLE0001secret", "5f0c6a52"
URL, FOLDER = sys.argv[2], Path(sys.argv[3])
SYNC = f"{URL}/skg/v1/dlp/label/custom/sync"
ASYNC = f"{URL}/skg/v1/dlp/label/custom/async"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


def signed(timestamp=None, secret=SECRET_KEY, access_key=ACCESS_KEY):
    timestamp = timestamp or "{0:.0f}".format(time.time())
    token = hmac.new(secret.encode(), (secret + timestamp).encode(), hashlib.sha256).hexdigest()
    return {"Authorization": f"SKG {access_key}:{token}", "x-skg-timestamp": timestamp}


def metadata(**changed):
    fields = {"app": APP, "queryID": str(uuid.uuid4()), "labels": {"id": "8888"}, "sendBack": {"type": "response"}}
    fields |= changed
    return {name: value for name, value in fields.items() if value is not None}


def call(method="DELETE", fields=None, file="report.docx", name=None, url=SYNC, headers=None, data=None):
    fields = metadata() if fields is None else fields
    data = {"metadata": json.dumps(fields)} if data is None else data
    files = {"request": (name or file, (FOLDER / file).read_bytes(), DOCX)} if file else {"none": (None, "")}
    headers = signed() if headers is None else headers
    return requests.request(method, url, headers=headers, data=data, files=files, verify=False, timeout=60)


def expect(answer, status, words=""):
    body = answer.json()
    assert answer.status_code == status == body["responseCode"], (answer.status_code, answer.text)
    assert set(body) == {"result", "data", "responseCode", "message"}, body
    assert body["result"] == (0 if status < 300 else 1), body
    assert words in body["message"], body
    return body


def strip():
    fields = metadata()
    answer = call(fields=fields)
    assert answer.status_code == 200, answer.text
    assert answer.content == (FOLDER / "clean.docx").read_bytes(), "not what the command makes of it"
    assert answer.headers["x-query-id"] == fields["queryID"]
    assert answer.headers["content-length"] == str(len(answer.content))
    assert "filename*=UTF-8''report.docx" in answer.headers["content-disposition"]
    result = json.loads(answer.headers["x-label-result"])
    assert result["result"] == 0 and result["data"]["labels"] == {"id": "removed"}, result
    assert result["data"]["queryID"] == fields["queryID"] and result["data"]["outcome"] == "stripped"
    # Once more, and a label that is not there: success, and the same bytes.
    for file, labels, status in [
        ("clean.docx", {"id": "8888"}, "absent"),
        ("report.docx", {"nobody": ""}, "absent"),
        ("report.docx", {"id": "7"}, "value_mismatch"),
    ]:
        answer = call(fields=metadata(labels=labels), file=file)
        assert answer.status_code == 200 and answer.content == (FOLDER / file).read_bytes(), answer.text
        result = json.loads(answer.headers["x-label-result"])
        assert list(result["data"]["labels"].values()) == [status], result
    # A proxy that drops bodies of DELETE.
    headers = signed() | {"X-HTTP-Method-Override": "DELETE"}
    assert call("POST", headers=headers).content == (FOLDER / "clean.docx").read_bytes()


def names():
    for name in ["测试 \"1\".docx", "a;b.docx", "../../etc/x.docx", "x" * 300 + ".docx"]:
        answer = call(name=name)
        assert answer.status_code == 200, answer.text
        assert "/" not in answer.headers["content-disposition"]
    # As older clients send names that are not ASCII.
    boundary = "0123456789abcdef"
    fields = json.dumps(metadata(queryID="é-1")).encode()
    body = (b"--%s\r\nContent-Disposition: form-data; name=\"metadata\"\r\n\r\n%s\r\n--%s\r\n"
            b"Content-Disposition: form-data; name=\"request\"; filename*=utf-8''%%E6%%B5%%8B.docx\r\n\r\n%s\r\n--%s--\r\n"
            % (boundary.encode(), fields, boundary.encode(), (FOLDER / "report.docx").read_bytes(), boundary.encode()))
    headers = signed() | {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    answer = requests.delete(SYNC, headers=headers, data=body, verify=False, timeout=60)
    assert answer.status_code == 200 and "%E6%B5%8B.docx" in answer.headers["content-disposition"], answer.text


def lists():
    body = expect(call("GET"), 200, "OK")
    assert body["data"]["id"] == "8888", body
    # Without metadata, too.
    assert expect(call("GET", data={}), 200)["data"] == body["data"]
    assert "id" not in expect(call("GET", file="clean.docx"), 200)["data"]
    (FOLDER / "unknown.bin").write_bytes(bytes(range(256)) * 9)
    expect(call("GET", file="unknown.bin"), 415)


def refusals():
    (FOLDER / "unknown.bin").write_bytes(bytes(range(256)) * 9)
    (FOLDER / "broken.docx").write_bytes((FOLDER / "report.docx").read_bytes()[:2000])
    expect(call(file="unknown.bin"), 415)
    body = expect(call(file="broken.docx"), 422)
    assert body["data"]["queryID"], body
    for words, fields in [
        ("`labels` is missing", metadata(labels=None)),
        ("`labels`", metadata(labels={})),
        ("`labels`", metadata(labels={"id": {"a": 1}})),
        ("`app` is missing", metadata(app=None)),
        ("`queryID` is missing", metadata(queryID=None)),
        ("`queryID`", metadata(queryID="x" * 300)),
        ("`sendBack` is missing", metadata(sendBack=None)),
        ("unknown sendBack type", metadata(sendBack={"type": "pigeon"})),
        ("needs `s3Bucket`", metadata(sendBack={"type": "s3"})),
        ("`objectInfo` is missing", metadata(uploadtype="s3")),
        ("this server lends its own to nobody", metadata(sendBack={"type": "s3", "s3Bucket": "b"})),
    ]:
        expect(call(fields=fields), 400, words)
    expect(call(data={"metadata": "{"}), 400, "not valid JSON")
    expect(call(data={}), 400, "the field `metadata` is missing")
    expect(call(file=None), 400, "there is no file")
    expect(requests.delete(SYNC, headers=signed(), verify=False, timeout=60), 400, "multipart/form-data")
    answer = call("POST")
    expect(answer, 405, "DELETE removes labels")
    assert answer.headers["allow"] == "DELETE, GET"
    expect(call("PUT"), 405)
    expect(requests.get(f"{URL}/nothing", verify=False, timeout=60), 404)


def strangers():
    now = int(time.time())
    for headers in [
        {}, signed(secret="wrong"), signed(access_key="AKEXAMPLE0002"), signed(str(now - 400)), signed(str(now + 400)),
        signed() | {"x-skg-timestamp": "soon"}, {"Authorization": "Basic QTpC"},
    ]:
        expect(call(headers=headers), 401)
        expect(call("GET", headers=headers), 401)
    expect(call(fields=metadata(app="another")), 401, "`app`")
    # Overheard, and sent again.
    headers, fields = signed(), metadata()
    assert call(headers=headers, fields=fields).status_code == 200
    expect(call(headers=headers, fields=fields), 401, "made before")
    assert call(headers=headers, fields=metadata()).status_code == 200, "another request of the same second"


def uploads():
    """Results that are sent to another server. Its port is in FOLDER/receiver, and is all that the server may reach."""
    received = []

    class Receiver(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            received.append((self.path, self.headers["content-type"], self.rfile.read(int(self.headers["content-length"]))))
            if self.path == "/leads-away":
                self.send_response(307)
                self.send_header("Location", "http://169.254.169.254/latest/meta-data/")
            else:
                self.send_response(201)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    port = int((FOLDER / "receiver").read_text())
    receiver = http.server.ThreadingHTTPServer(("127.0.0.1", port), Receiver)
    threading.Thread(target=receiver.serve_forever, daemon=True).start()
    to = lambda url: metadata(sendBack={"type": "httpUpload", "url": url})
    fields = to(f"http://127.0.0.1:{port}/take")
    body = expect(call(fields=fields), 200)
    assert body["data"]["labels"] == {"id": "removed"} and body["data"]["queryID"] == fields["queryID"], body
    (path, kind, content), clean = received.pop(), (FOLDER / "clean.docx").read_bytes()
    assert path == "/take" and kind.startswith("multipart/form-data") and clean in content
    assert fields["queryID"].encode() in content
    # Nothing is sent to where nobody may be sent.
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        forbidden = other.getsockname()[1]
        for url in [
            f"http://127.0.0.1:{forbidden}/", f"http://localhost:{port}/", f"http://[::1]:{port}/", f"http://0.0.0.0:{port}/",
            f"http://2130706433:{forbidden}/", "http://169.254.169.254/latest/", "http://10.0.0.1/", "http://[fd00:ec2::254]/",
            f"http://[::ffff:127.0.0.1]:{forbidden}/", "ftp://example.com/", "file:///etc/passwd",
        ]:
            expect(call(fields=to(url)), 400, "`sendBack" if url[0] == "h" and "localhost" not in url else "")
        store = {"s3Bucket": "b", "s3Region": "r", "accessKey": "a", "secretKey": "hush"}
        for there in [
            metadata(sendBack={"type": "s3", **store, "endpointUrl": f"http://127.0.0.1:{forbidden}"}),
            metadata(sendBack={"type": "s3", **store, "endpointUrl": f"http://localhost:{forbidden}"}),
            metadata(sendBack={"type": "oss", **store, "endpointUrl": f"http://127.0.0.1:{forbidden}"}),
            metadata(sendBack={"type": "cos", **store, "endpointUrl": f"http://localhost:{forbidden}"}),
            metadata(sendBack={"type": "swift", "X-Auth-Token": "t", "containerUrl": f"http://127.0.0.1:{forbidden}/v1/a/c"}),
            metadata(sendBack={"type": "swift", "authUrl": f"http://localhost:{forbidden}/auth/v1.0", "X-Auth-User": "u",
                               "X-Auth-Key": "hush", "containerUrl": "http://example.com/v1/a/c"}),
            metadata(callback_url=f"http://127.0.0.1:{forbidden}/"),
            metadata(uploadtype="s3", objectInfo={**store, "s3Key": "k", "endpointUrl": f"http://127.0.0.1:{forbidden}"}),
        ]:
            answer = call(fields=there, file=None if "objectInfo" in there else "report.docx")
            expect(answer, 400)
            assert "hush" not in answer.text, answer.text
        other.settimeout(0.3)
        try:
            raise AssertionError(f"the server came from {other.accept()[1]}")
        except TimeoutError:
            pass
    expect(call(fields=to(f"http://127.0.0.1:{port}/leads-away")), 500, "169.254.169.254")


def limits():
    """The server of this case takes 1 MiB, waits for a second, and has room for 8 connections."""
    (FOLDER / "long.bin").write_bytes(bytes(3 << 20))
    expect(call(file="long.bin"), 413)
    host, port = URL.split("//")[1].split(":")
    raw = lambda: socket.create_connection((host, int(port)), timeout=20)
    # Heads and bodies that do not come.
    with raw() as slow:
        slow.sendall(b"DELETE /skg/v1/dlp/label/custom/sync HTTP/1.1\r\nHost: a\r\n")
        assert slow.recv(999) == b"", "the connection is closed"
    lines = "".join(f"{name}: {value}\r\n" for name, value in signed().items())
    head = (f"DELETE /skg/v1/dlp/label/custom/sync HTTP/1.1\r\nHost: a\r\n{lines}Content-Length: 9999\r\n"
            "Content-Type: multipart/form-data; boundary=b\r\n\r\n").encode()
    with raw() as slow:
        slow.sendall(head + b"--b\r\n")
        assert b" 408 " in slow.recv(9999)
    with raw() as endless:
        endless.sendall(head.replace(b"9999", b"99999999"))
        assert b" 413 " in endless.recv(9999)
    with raw() as huge:
        huge.sendall(b"GET / HTTP/1.1\r\n" + b"X: " + b"y" * (1 << 20))
        answer = huge.recv(9999)
        assert b" 431 " in answer or answer == b"", answer
    # A head of a part that never ends is not kept.
    headers = signed() | {"Content-Type": "multipart/form-data; boundary=b"}
    answer = requests.delete(SYNC, headers=headers, data=iter([b"--b\r\nX-Long: " + bytes(9)] + [b"y" * 65536] * 60), timeout=60)
    assert answer.status_code in (400, 413), answer.text
    # Connections that take all the room and say nothing, or only how HTTP/2 begins, are sent away.
    for words in [b"", b"PRI", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"GET"]:
        held = [raw() for _ in range(8)]
        for it in held:
            it.sendall(words)
        assert requests.get(f"{URL}/healthz", timeout=20).text == "ok\n", words
        for it in held:
            it.close()
    # Those that are kept after an answer as well.
    held = [raw() for _ in range(8)]
    for it in held:
        it.sendall(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
    assert requests.get(f"{URL}/healthz", timeout=20).text == "ok\n"
    assert call().status_code == 200
    for it in held:
        it.close()


def unfinished():
    """A request that is half sent when the server is told to stop, and sent to its end then."""
    request = requests.Request("DELETE", SYNC, headers=signed(), data={"metadata": json.dumps(metadata())},
                               files={"request": ("report.docx", (FOLDER / "report.docx").read_bytes(), DOCX)}).prepare()
    host, port = URL.split("//")[1].split(":")
    lines = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
    half = len(request.body) // 2
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        head = f"DELETE {request.path_url} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{lines}\r\n"
        connection.sendall(head.encode() + request.body[:half])
        while "unlabel_requests_open 2\n" not in requests.get(f"{URL}/metrics", timeout=20).text:
            time.sleep(0.01)
        (FOLDER / "half").write_text("")
        while not (FOLDER / "stopping").exists():
            time.sleep(0.01)
        connection.sendall(request.body[half:])
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 200 ") and answer.endswith((FOLDER / "clean.docx").read_bytes()), answer[:300]


def memory():
    """A long upload goes to the disk; the server's process is in FOLDER/pid."""
    def body(boundary, fields):
        yield (f"--{boundary}\r\nContent-Disposition: form-data; name=\"metadata\"\r\n\r\n{json.dumps(fields)}\r\n--{boundary}\r\n"
               "Content-Disposition: form-data; name=\"request\"; filename=\"a.png\"\r\n\r\n").encode()
        yield b"\x89PNG\r\n\x1a\n"
        for _ in range(400):
            yield bytes(1 << 20)
        yield f"\r\n--{boundary}--\r\n".encode()

    headers = signed() | {"Content-Type": "multipart/form-data; boundary=b"}
    answer = requests.delete(SYNC, headers=headers, data=body("b", metadata()), verify=False, timeout=120)
    assert str(FOLDER) not in expect(answer, 422)["message"], answer.text
    # A package whose properties are 2 GiB of spaces.
    package = io.BytesIO()
    with zipfile.ZipFile(FOLDER / "report.docx") as given, zipfile.ZipFile(package, "w", zipfile.ZIP_DEFLATED) as bomb:
        for name in given.namelist():
            if name != "docProps/custom.xml":
                bomb.writestr(name, given.read(name))
        with bomb.open("docProps/custom.xml", "w", force_zip64=True) as part:
            part.write(b"<Properties>")
            for _ in range(2048):
                part.write(b" " * (1 << 20))
    (FOLDER / "bomb.docx").write_bytes(package.getvalue())
    assert str(FOLDER) not in expect(call(file="bomb.docx"), 413)["message"]
    status = Path(f"/proc/{(FOLDER / 'pid').read_text()}/status").read_text()
    anonymous = int(next(line for line in status.splitlines() if line.startswith("RssAnon")).split()[1])
    assert anonymous < 96 << 10, status


def ended(query, patience=30):
    """The job of this name when it has ended, and was told if that was wanted."""
    for _ in range(patience * 20):
        body = expect(requests.get(f"{ASYNC}/{query}", headers=signed(), verify=False, timeout=20), 200)
        if body["data"]["state"] in ("done", "untold"):
            return body["data"]
        time.sleep(0.05)
    raise AssertionError(f"the job does not end: {body}")


def content(query):
    return requests.get(f"{ASYNC}/{query}/content", headers=signed(), verify=False, timeout=20)


class Told(http.server.BaseHTTPRequestHandler):
    """Takes callbacks; refuses the first ones where the path says how many."""
    heard, refused, uploads = [], {}, []

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.path == "/upload":
            self.uploads.append(body)
            self.send_response(201)
            self.send_header("Content-Length", "0")
            return self.end_headers()
        timestamp = self.headers["x-skg-timestamp"]
        assert self.headers["authorization"] == signed(timestamp)["Authorization"], self.headers
        most = int(self.path.strip("/") or 0)
        times = self.refused[body] = self.refused.get(body, 0) + 1
        if times > most:
            self.heard.append(json.loads(body))
        self.send_response(204 if times > most else 500)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def listen():
    port = int((FOLDER / "receiver").read_text())
    receiver = http.server.ThreadingHTTPServer(("127.0.0.1", port), Told)
    threading.Thread(target=receiver.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{port}"


def later():
    to, clean = listen(), (FOLDER / "clean.docx").read_bytes()
    fields = metadata(uploadtype="file", callback_url=f"{to}/1")
    query = fields["queryID"]
    body = expect(call(fields=fields, url=ASYNC), 202)
    assert body["data"]["queryID"] == query and body["data"]["status"].endswith(query), body
    data = ended(query)
    assert data["state"] == "done" and data["answer"]["data"]["labels"] == {"id": "removed"}, data
    assert content(query).content == clean
    assert [it["data"]["queryID"] for it in Told.heard] == [query], "told once, at the second attempt"
    assert Told.heard[0] == data["answer"], Told.heard
    # The same name is the same job, whatever comes with it.
    body = expect(call(fields=fields | {"labels": {"other": ""}}, url=ASYNC, file="clean.docx"), 202)
    assert body["data"]["state"] == "done" and content(query).content == clean
    # Without a callback, with a name that needs encoding, and refused.
    query = "é/1 ?"
    body = expect(call(fields=metadata(queryID=query), url=ASYNC), 202)
    path = body["data"]["status"].rsplit("/", 1)[1]
    assert ended(path)["state"] == "done" and content(path).content == clean
    (FOLDER / "unknown.bin").write_bytes(bytes(range(256)) * 9)
    fields = metadata(callback_url=f"{to}/")
    expect(call(fields=fields, url=ASYNC, file="unknown.bin"), 202)
    data = ended(fields["queryID"])
    assert data["answer"]["responseCode"] == 415 and data["answer"]["result"] == 1, data
    assert Told.heard[-1] == data["answer"]
    expect(content(fields["queryID"]), 404)
    # A caller who never takes the callback is given up, for all to see.
    fields = metadata(callback_url=f"{to}/9999")
    expect(call(fields=fields, url=ASYNC), 202)
    assert ended(fields["queryID"])["state"] == "untold"
    # Nothing of the requests is legible on the disk.
    kept = b"".join(path.read_bytes() for path in (FOLDER / "unlabel-state").glob("jobs.sqlite*"))
    assert b"callback_url" not in kept and str(query).encode() in kept
    for answer in [
        requests.get(f"{ASYNC}/nothing", headers=signed(), verify=False, timeout=20),
        requests.get(f"{ASYNC}/nothing/content", headers=signed(), verify=False, timeout=20),
    ]:
        expect(answer, 404, "")
    expect(requests.get(f"{ASYNC}/{path}", verify=False, timeout=20), 401)
    expect(call("POST", url=ASYNC), 405)
    expect(call(fields=metadata(labels={}), url=ASYNC), 400, "`labels`")
    expect(call(url=ASYNC, file=None), 400, "no file")
    assert expect(call("GET", url=ASYNC), 200)["data"]["id"] == "8888"


def shared():
    """Another process, which knows the same state, does what this one accepts."""
    fields = metadata()
    query = fields["queryID"]
    expect(call(fields=fields, url=ASYNC), 202)
    time.sleep(1)
    body = expect(requests.get(f"{ASYNC}/{query}", headers=signed(), timeout=20), 200)
    assert body["data"]["state"] == "waiting", body
    (FOLDER / "waiting").write_text("")
    assert ended(query)["state"] == "done"
    assert content(query).content == (FOLDER / "clean.docx").read_bytes()


def relentless():
    """Jobs for a server that is killed again and again: what was answered 202 is done, and told."""
    to = listen()
    # Longer than what is kept in memory.
    with zipfile.ZipFile(FOLDER / "report.docx") as given, zipfile.ZipFile(FOLDER / "large.docx", "w") as large:
        for name in given.namelist():
            large.writestr(name, given.read(name))
        large.writestr("word/media/noise.bin", random.Random(1).randbytes(200_000))
    clean = call(file="large.docx").content
    assert len(clean) > 200_000
    (FOLDER / "ready").write_text("")
    place = {"type": "httpUpload", "url": f"{to}/upload", "mode": "post"}
    # Every other result is sent on.
    sent = lambda number: metadata(queryID=queries[number], callback_url=f"{to}/0", **({"sendBack": place} if number % 2 else {}))

    def again(make):
        while True:
            try:
                answer = make()
                if answer.status_code < 500:
                    return answer
            except requests.exceptions.RequestException:
                time.sleep(0.05)

    queries = [str(uuid.uuid4()) for _ in range(120)]
    for number in range(len(queries)):
        expect(again(lambda: call(fields=sent(number), file="large.docx", url=ASYNC)), 202)
    (FOLDER / "over").write_text("")
    for number, query in enumerate(queries):
        deadline = time.time() + 60
        while True:
            data = again(lambda: requests.get(f"{ASYNC}/{query}", headers=signed(), timeout=20)).json()["data"]
            if data["state"] == "done":
                break
            assert time.time() < deadline, data
            time.sleep(0.05)
        assert data["answer"]["data"]["labels"] == {"id": "removed"}, data
        assert number % 2 or again(lambda: content(query)).content == clean
    assert len(Told.uploads) >= len(queries) // 2 and all(it == clean for it in Told.uploads), len(Told.uploads)
    told = {it["data"]["queryID"] for it in Told.heard}
    assert told == set(queries), f"{len(set(queries) - told)} were never told"
    print(f"{len(queries)} jobs, {len(Told.heard)} callbacks")


def health():
    get = lambda path: requests.get(f"{URL}{path}", verify=False, timeout=20)
    assert get("/healthz").text == "ok\n" and get("/readyz").text == "ready\n"
    assert call().status_code == 200
    answer = get("/metrics")
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    assert 'unlabel_files_total{outcome="stripped",format="ooxml"} ' in answer.text, answer.text
    assert answer.text.endswith("# EOF\n")
    named = requests.get(f"{URL}/healthz", headers={"X-Request-ID": "mine-1"}, verify=False, timeout=20)
    assert named.headers["x-request-id"] == "mine-1"
    assert get("/healthz").headers["x-request-id"] != "mine-1"


requests.packages.urllib3.disable_warnings()
if __name__ == "__main__":
    {"strip": strip, "names": names, "lists": lists, "refusals": refusals, "strangers": strangers, "uploads": uploads,
     "limits": limits, "memory": memory, "health": health, "later": later, "unfinished": unfinished, "shared": shared, "relentless": relentless}[sys.argv[1]]()
