"""A client of the calls that are ours, in Python with requests. serve_v1.py CASE URL FOLDER

FOLDER holds report.docx, which has the label id=8888, and clean.docx, the same without it.
"""

import email
import json
import sys
import time
from pathlib import Path

import requests

from serve import ASYNC, call, ended, expect, metadata

URL, FOLDER = sys.argv[2], Path(sys.argv[3])
TOKEN, ALL = "token-of-project-1", "token-of-every-project"


def ask(what, document=None, file="report.docx", token=TOKEN, **headers):
    headers |= {"Authorization": f"Bearer {token}"} if token else {}
    files = {"file": (file, (FOLDER / file).read_bytes())} if file else {}
    if document is not None:
        files["metadata"] = (None, json.dumps(document), "application/json")
    return requests.post(f"{URL}/v1/labels:{what}", files=files, headers=headers, verify=False, timeout=60)


def problem(answer, status, words=""):
    body = answer.json()
    assert (answer.status_code, body["status"]) == (status, status), (answer.status_code, answer.text)
    assert answer.headers["content-type"] == "application/problem+json" and words in body["detail"], answer.text
    return body


def labels():
    clean = (FOLDER / "clean.docx").read_bytes()
    listing = ask("list").json()
    assert (listing["name"], listing["format"]) == ("report.docx", "ooxml"), listing
    found = {label["key"]: label for label in listing["labels"]}
    assert found["id"]["value"] == "8888" and found["id"]["kind"] == "custom", found
    assert found["id"]["sites"][0]["address"] == "custom:id" and found["title"]["kind"] == "standard", found

    strip = {"labels": {"id": "8888"}}
    answer = ask("strip", strip)
    assert answer.status_code == 200 and answer.content == clean, answer.text
    report = json.loads(answer.headers["x-label-report"])
    assert report["outcome"] == "stripped" and report["labels"][0]["status"] == "removed", report
    # The report and the file together, as browsers read forms.
    answer = ask("strip", strip, Accept="multipart/form-data")
    head = f"Content-Type: {answer.headers['content-type']}\r\n\r\n".encode()
    parts = email.message_from_bytes(head + answer.content).get_payload()
    names = [part.get_param("name", header="content-disposition") for part in parts]
    assert names == ["report", "file"], answer.content[:400]
    assert json.loads(parts[0].get_payload(decode=True)) == report
    assert parts[1].get_filename() == "report.docx" and parts[1].get_payload(decode=True) == clean
    assert int(answer.headers["content-length"]) == len(answer.content)

    answer = ask("strip", {"rules": ["MSIP_Label_*"], "keep": ["MSIP_Label_*_Name"], "dry_run": True})
    statuses = {label["key"].rsplit("_", 1)[1]: label["status"] for label in answer.json()["labels"]}
    assert answer.json()["outcome"] == "stripped" and statuses["Enabled"] == "removed", statuses
    assert "Name" not in statuses, statuses
    answer = ask("strip", {"labels": [{"key": "nobody"}]})
    assert answer.content == (FOLDER / "report.docx").read_bytes()
    assert json.loads(answer.headers["x-label-report"])["outcome"] == "clean"


def refusals():
    (FOLDER / "unknown.bin").write_bytes(bytes(range(256)) * 9)
    assert problem(ask("list", token=None), 401)
    assert problem(ask("strip", {"all": True}, token="nobody's token at all"), 401)
    problem(ask("strip", {"labels": {"id": ""}, "kepe": ["id"]}), 400, "kepe")
    problem(ask("strip", {}), 400, "what to remove")
    problem(ask("strip", {"labels": {}}), 400, "`labels`")
    problem(ask("strip", {"labels": {"id": ""}}, file=None), 400, "no file")
    problem(ask("strip", {"labels": {"id": ""}, "objectInfo": {}}), 400, "`uploadtype`")
    place = {"type": "httpUpload", "url": "http://127.0.0.1:9/"}
    problem(ask("strip", {"labels": {"id": ""}, "sendBack": place}), 400, "`sendBack.url`")
    for what in ["list", "strip"]:
        body = problem(ask(what, {"labels": {"id": ""}} if what == "strip" else {}, file="unknown.bin"), 415)
        assert body["report"]["outcome"] == "unsupported", body
    problem(requests.post(f"{URL}/v1/labels:list", headers={"Authorization": f"Bearer {TOKEN}"}, verify=False), 400)


def jobs():
    queries = []
    for _ in range(3):
        fields = metadata()
        queries.append(fields["queryID"])
        expect(call(fields=fields, url=ASYNC), 202)
        ended(fields["queryID"])
    get = lambda token, **query: requests.get(
        f"{URL}/v1/jobs", params=query, headers={"X-Auth-Token": token}, verify=False, timeout=20
    )
    page = get(ALL, limit=2).json()
    assert [job["queryID"] for job in page["jobs"]] == queries[:0:-1], page
    job = page["jobs"][0]
    assert (job["state"], job["name"], job["app"]) == ("done", "report.docx", "5f0c6a52"), job
    assert job["answer"]["data"]["labels"] == {"id": "removed"} and abs(job["ended"] / 1000 - time.time()) < 60, job
    page = get(ALL, limit=2, before=page["next"]).json()
    assert [job["queryID"] for job in page["jobs"]] == queries[:1] and page["next"] is None, page
    # This token may see no application's jobs.
    assert get(TOKEN).json() == {"jobs": [], "next": None}
    problem(get("nobody's token at all"), 401)
    problem(get(ALL, limit=0), 400, "`limit`")
    problem(get(ALL, limit="many"), 400)


requests.packages.urllib3.disable_warnings()
{"labels": labels, "refusals": refusals, "jobs": jobs}[sys.argv[1]]()
