"""Asynchronous jobs for a server that is killed every few seconds."""

import http.client
import http.server
import json
import threading
import time
from collections import Counter
from pathlib import Path

from server import Server, free_port, signed

ASYNC = "/skg/v1/dlp/label/custom/async"
#: Callers at a time.
CALLERS = 8


class Receiver(http.server.BaseHTTPRequestHandler):
    """Takes results and callbacks, and counts them by job."""
    protocol_version = "HTTP/1.1"
    uploads, callbacks, wrong, clean = Counter(), Counter(), [], b""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        kind, name = self.path.strip("/").split("/")
        if kind == "upload":
            Receiver.uploads[name] += 1
            if body != Receiver.clean:
                Receiver.wrong.append((name, len(body)))
        else:
            Receiver.callbacks[name] += 1
            answer = json.loads(body)
            if answer["responseCode"] != 200 or answer["data"]["outcome"] != "stripped":
                Receiver.wrong.append((name, answer))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def body_of(name: str, to: str, file: bytes) -> tuple[bytes, str]:
    boundary = "unlabel-load"
    metadata = {"app": "load", "queryID": name, "labels": {"id": ""}, "uploadtype": "file",
                "sendBack": {"type": "httpUpload", "url": f"{to}/upload/{name}", "mode": "post"},
                "callback_url": f"{to}/callback/{name}"}
    head = (f'--{boundary}\r\nContent-Disposition: form-data; name="metadata"\r\n\r\n{json.dumps(metadata)}\r\n'
            f'--{boundary}\r\nContent-Disposition: form-data; name="request"; filename="{name}.docx"\r\n\r\n')
    return head.encode() + file + f"\r\n--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"


def until_answered(server: Server, method: str, path: str, body=None, kind="") -> tuple[int, bytes]:
    """Asks until a server is there that answers."""
    while True:
        authorization, now = signed()
        headers = {"Authorization": authorization, "x-skg-timestamp": now} | ({"Content-Type": kind} if kind else {})
        client = http.client.HTTPConnection(server.address, timeout=20)
        try:
            client.request(method, path, body=body, headers=headers)
            answer = client.getresponse()
            status, content = answer.status, answer.read()
            if status < 500 and status != 429:
                return status, content
        except (OSError, http.client.HTTPException):
            pass
        finally:
            client.close()
        time.sleep(0.05)


def run(folder: Path, file: bytes, clean: bytes, count: int, every: float) -> str:
    """Submits the jobs, kills the server every so many seconds, and answers what came of it. Fails if a job is lost."""
    Receiver.clean = clean
    port = free_port()
    to = f"http://127.0.0.1:{port}"
    receiver = http.server.ThreadingHTTPServer(("127.0.0.1", port), Receiver)
    # Connections of a server that is killed break off.
    receiver.handle_error = lambda *_: None
    threading.Thread(target=receiver.serve_forever, daemon=True).start()
    server = Server(folder, f"egress.allow = ['127.0.0.1:{port}']\njobs.lease_seconds = 2\n")
    names = [f"job-{number:05}" for number in range(count)]
    todo, lock, kills, over = list(names), threading.Lock(), 0, threading.Event()

    def submit():
        while True:
            with lock:
                if not todo:
                    return
                name = todo.pop()
            body, kind = body_of(name, to, file)
            status, content = until_answered(server, "DELETE", ASYNC, body, kind)
            assert status == 202, content

    def killer():
        nonlocal kills
        while not over.wait(every):
            server.kill()
            kills += 1
            server.start()

    start = time.monotonic()
    callers = [threading.Thread(target=submit) for _ in range(CALLERS)]
    killing = threading.Thread(target=killer)
    for it in [killing, *callers]:
        it.start()
    for it in callers:
        it.join()
    accepted = time.monotonic() - start
    while len(Receiver.callbacks) < count:
        if time.monotonic() - start > 1200:
            break
        time.sleep(0.1)
    took = time.monotonic() - start
    over.set()
    killing.join()
    states = Counter()
    for name in names:
        status, content = until_answered(server, "GET", f"{ASYNC}/{name}")
        states[json.loads(content)["data"].get("state") if status == 200 else status] += 1
    server.stop()
    lost = count - len(Receiver.callbacks), count - len(Receiver.uploads)
    more = sum(Receiver.callbacks.values()) - len(Receiver.callbacks), sum(Receiver.uploads.values()) - len(Receiver.uploads)
    assert lost == (0, 0) and not Receiver.wrong, (lost, Receiver.wrong[:3], states)
    return (f"{count} jobs accepted in {accepted:.0f} s and all told in {took:.0f} s, the server killed {kills} times: "
            f"0 lost; {more[1]} of the results and {more[0]} of the callbacks came twice; states {dict(states)}")
