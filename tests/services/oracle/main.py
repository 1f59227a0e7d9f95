"""The server: main.py oss|cos PORT DIRECTORY. Runs in the clients' environment.

Without a signature, GET /-/state tells what is visible, and which uploads are unfinished.
"""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl, unquote

from oracle import buckets, objects, signature, uploads
from oracle.dialect import COS, OSS, Dialect
from oracle.messages import Answer, Refused, Request, xml_error
from oracle.store import PIECE, Blob, Store


class Ended(Exception):
    """The connection ended, or went astray, before the body did."""


def route(request: Request):
    """The operation that a request asks for."""
    method, query = request.method, request.query
    if not request.key:
        chosen = {
            "PUT": buckets.make,
            "DELETE": buckets.remove,
            "HEAD": buckets.head,
            "GET": buckets.list_uploads if "uploads" in query else buckets.list_objects,
        }
    elif "tagging" in query:
        chosen = {"GET": objects.get_tags, "PUT": objects.put_tags, "DELETE": objects.delete_tags}
    elif "uploadId" in query:
        chosen = {"PUT": uploads.put_part, "POST": uploads.complete, "DELETE": uploads.abort, "GET": uploads.list_parts}
    elif "uploads" in query:
        chosen = {"POST": uploads.initiate}
    else:
        is_copy = request.own("copy-source") is not None
        chosen = {"PUT": objects.copy if is_copy else objects.put, "GET": objects.get, "HEAD": objects.get,
                  "DELETE": objects.delete}
    if method not in chosen:
        raise Refused(405, "MethodNotAllowed", method)
    return chosen[method]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    store: Store
    dialect: Dialect

    def do(self) -> None:
        if self.path == "/-/state":
            body = json.dumps(self.store.state(), indent=1).encode()
            return self.send(Answer(200, {"Content-Type": "application/json"}, body))
        request = None
        try:
            request = self.read_head()
            answer = self.perform(request)
        except Refused as error:
            if not self.was_read:
                self.discard()
            answer = xml_error(error)
        except Ended as error:
            self.log_error("%s", error)
            self.close_connection = True
            return None
        return self.send(answer)

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = do

    def perform(self, request: Request) -> Answer:
        signature.check(request)
        operation = route(request)
        if operation is not buckets.make:
            self.store.bucket(request.bucket)
        request.body = self.read_body()
        kept = operation in (objects.put, uploads.put_part) and request.own("copy-source") is None
        try:
            self.check_digest(request.body)
            answer = operation(self.store, request)
        except Refused:
            self.store.drop(request.body)
            raise
        if not kept:
            self.store.drop(request.body)
        return answer

    def read_head(self) -> Request:
        self.was_read = False
        path, _, query = self.path.partition("?")
        # Names and values arrive as bytes; both vendors read them as UTF-8.
        try:
            headers = {name.lower(): value.encode("latin-1").decode() for name, value in self.headers.items()}
            path = unquote(path, errors="strict")
        except UnicodeDecodeError as error:
            raise Refused(400, "InvalidArgument", str(error)) from error
        if "aws-chunked" in headers.get("content-encoding", ""):
            raise Refused(400, "InvalidArgument", "aws-chunked encoding is not supported")
        if self.command in ("PUT", "POST") and not {"content-length", "transfer-encoding"} & set(headers):
            raise Refused(411, "MissingContentLength")
        # A plus sign is a space: so both clients write it, and sign it as one.
        params = dict(parse_qsl(query, keep_blank_values=True))
        return Request(self.dialect, self.command, headers.get("host", ""), path, params, headers)

    def read_body(self) -> Blob:
        self.was_read = True
        return self.store.write(self.pieces())

    def check_digest(self, body: Blob) -> None:
        given = self.headers.get("Content-MD5")
        if given is not None and given != body.md5_base64():
            raise Refused(400, self.dialect.bad_digest, "Content-MD5")

    def discard(self) -> None:
        """A client that still sends would not see the answer if the connection were closed."""
        try:
            for _ in self.pieces():
                pass
        except Ended:
            self.close_connection = True

    def pieces(self):
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            while length := self.chunk_length():
                yield from self.counted(length)
                self.rfile.readline()
            while self.rfile.readline().strip():
                pass
        else:
            yield from self.counted(int(self.headers.get("Content-Length") or 0))

    def chunk_length(self) -> int:
        line = self.rfile.readline(100)
        try:
            return int(line.partition(b";")[0], 16)
        except ValueError as error:
            raise Ended(f"{line!r} is no length of a chunk") from error

    def counted(self, length: int):
        while length:
            try:
                piece = self.rfile.read(min(length, PIECE))
            except OSError as error:
                raise Ended(str(error)) from error
            if not piece:
                raise Ended(f"{length} bytes are missing from the body of {self.path}")
            length -= len(piece)
            yield piece

    def send(self, answer: Answer) -> None:
        length = answer.file[2] if answer.file else len(answer.body)
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            # Tencent's client knows its own headers in lower case only, and the others by their usual spelling.
            name = name.title() if name.islower() and not name.startswith("x-") else name
            self.send_header(name, value.encode().decode("latin-1"))
        self.send_header(self.dialect.prefix + "request-id", "0")
        if answer.status not in (204, 304):
            self.send_header("Content-Length", str(length))
        self.end_headers()
        try:
            self.send_body(answer)
        except OSError:
            self.close_connection = True

    def send_body(self, answer: Answer) -> None:
        wants_body = self.command != "HEAD" and answer.status not in (204, 304)
        if answer.file:
            with answer.file[0] as file:
                if wants_body and answer.file[2]:
                    self.connection.sendfile(file, answer.file[1], answer.file[2])
        elif wants_body:
            self.wfile.write(answer.body)


class Server(ThreadingHTTPServer):
    request_queue_size = 128
    daemon_threads = True


def main() -> None:
    name, port, directory = sys.argv[1:]
    Handler.dialect = {"oss": OSS, "cos": COS}[name]
    Handler.store = Store(Path(directory))
    Handler.store.buckets[Handler.dialect.bucket] = {}
    Server(("127.0.0.1", int(port)), Handler).serve_forever()


if __name__ == "__main__":
    main()
