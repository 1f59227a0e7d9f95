"""Objects of stores, by the label calls. serve_stores.py CASE URL FOLDER

FOLDER/stores.json has a store of each kind: the fields of `sendBack` without a key. FOLDER holds report.docx, which has the
label id=8888, and clean.docx, the same without it.
"""

import json
import sys
from pathlib import Path

import requests

from serve import ASYNC, SYNC, call, ended, expect, metadata

FOLDER = Path(sys.argv[3])
REPORT, CLEAN = (FOLDER / "report.docx").read_bytes(), (FOLDER / "clean.docx").read_bytes()


def at(store, key):
    """The store's fields with this object."""
    if store["type"] != "swift":
        return store | {"s3Key": key}
    url = f"{store['containerUrl']}/{key}"
    return {name: value for name, value in store.items() if name != "containerUrl"} | {"objectUrl": url}


def info(store, key):
    return {name: value for name, value in at(store, key).items() if name != "type"}


def objects():
    for store in json.loads((FOLDER / "stores.json").read_text()):
        if "authUrl" in store:
            login = {"X-Auth-User": store["X-Auth-User"], "X-Auth-Key": store["X-Auth-Key"]}
            account = requests.get(store["authUrl"], headers=login, timeout=20).headers["x-storage-url"]
            store["containerUrl"] = f"{account}/{store.pop('container')}"
        kind = store["type"]
        from_store = lambda key: {"uploadtype": kind, "objectInfo": info(store, key)}
        # There, as it is: none of its labels is meant.
        body = expect(call(fields=metadata(labels={"nobody": ""}, sendBack=at(store, "in.docx"))), 200)
        assert body["data"]["outcome"] == "clean" and "in.docx" in body["data"]["location"], (kind, body)
        answer = call(fields=metadata(**from_store("in.docx")), file=None)
        assert answer.status_code == 200 and answer.content == CLEAN, (kind, answer.text)
        # From the store and to the store, later.
        fields = metadata(**from_store("in.docx"), sendBack=at(store, "out.docx"))
        expect(call(fields=fields, file=None, url=ASYNC), 202)
        state = ended(fields["queryID"])
        assert state["answer"]["data"]["labels"] == {"id": "removed"}, (kind, state)
        answer = call(fields=metadata(**from_store("out.docx"), labels={"nobody": ""}), file=None)
        assert answer.status_code == 200 and answer.content == CLEAN, (kind, answer.text)
        # What is not there, and keys that are wrong.
        expect(call(fields=metadata(**from_store("missing.docx")), file=None, url=SYNC), 404, "not_found")
        # Without the name of an object the file's own is taken.
        body = expect(call(fields=metadata(sendBack=store)), 200)
        assert body["data"]["location"].endswith("report.docx"), (kind, body)
        answer = call(fields=metadata(**from_store("report.docx"), labels={"nobody": ""}), file=None)
        assert answer.content == CLEAN, (kind, answer.text)


requests.packages.urllib3.disable_warnings()
{"objects": objects}[sys.argv[1]]()
