"""Requests as the operations see them, answers, and refusals."""

import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass, field
from typing import BinaryIO
from urllib.parse import unquote

from .dialect import CUSTOM_DOMAIN, Dialect


class Refused(Exception):
    """An answer other than success."""

    def __init__(self, status: int, code: str, message: str = ""):
        super().__init__(f"{status} {code} {message}")
        self.status, self.code, self.message = status, code, message


@dataclass
class Request:
    dialect: Dialect
    method: str
    host: str
    #: Without the query, percent-encoding undone.
    path: str
    query: dict[str, str]
    #: Names in lower case.
    headers: dict[str, str]
    #: What arrived as the body.
    body: "object | None" = None

    def __post_init__(self):
        self.bucket, self.key = address(self.dialect, self.host, self.path)

    def own(self, name: str) -> str | None:
        """A header of the vendor's."""
        return self.headers.get(self.dialect.prefix + name)

    def xml(self) -> ElementTree.Element:
        try:
            root = ElementTree.fromstring(self.body.path.read_bytes())
        except ElementTree.ParseError as error:
            raise Refused(400, "MalformedXML", str(error)) from error
        for element in root.iter():
            element.tag = element.tag.rpartition("}")[2]
        return root


def address(dialect: Dialect, host: str, path: str) -> tuple[str, str]:
    """Bucket and key: by the host's first label, by a customer's domain, or by the path where the host is a number."""
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
    if name == CUSTOM_DOMAIN:
        return dialect.bucket, path[1:]
    if name in ("localhost", dialect.domain) or name.replace(".", "").isdigit():
        bucket, _, key = path[1:].partition("/")
        return bucket, key
    return name.partition(".")[0], path[1:]


def copy_source(request: Request) -> tuple[str, str] | None:
    source = request.own("copy-source")
    if source is None:
        return None
    if request.dialect.name == "cos":
        host, _, path = source.partition("/")
        return address(request.dialect, host, "/" + unquote(path))
    bucket, _, key = unquote(source).lstrip("/").partition("/")
    return bucket, key


@dataclass
class Answer:
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    #: Instead of the body: a file, from where, and how much of it.
    file: tuple[BinaryIO, int, int] | None = None


def xml_answer(name: str, *children, headers: dict[str, str] | None = None) -> Answer:
    """Children are pairs of a name and a text, or of a name and further children."""
    body = b'<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(_element(name, children), "utf-8")
    return Answer(200, {"Content-Type": "application/xml", **(headers or {})}, body)


def xml_error(error: Refused) -> Answer:
    # Tencent's client takes no error without a text in each of these.
    answer = xml_answer("Error", ("Code", error.code), ("Message", error.message or error.code), ("Resource", "-"),
                        ("RequestId", "0"), ("HostId", "tests"))
    answer.status = error.status
    return answer


def _element(name: str, children) -> ElementTree.Element:
    element = ElementTree.Element(name)
    for child, content in children:
        if isinstance(content, (list, tuple)):
            element.append(_element(child, content))
        else:
            ElementTree.SubElement(element, child).text = str(content)
    return element
