"""A client of the batch-delete calls, in Python with requests. serve_batch.py CASE URL FOLDER

The store of the server has the project p1 with the stream report.docx, the image bridge.png, and the dataset d1.
"""

import concurrent.futures
import json
import sys
from pathlib import Path

import requests

URL = sys.argv[2]
TOKEN, ALL = "token-of-project-1", "token-of-every-project"
ID = [{"key": "id", "value": "8888"}]


def send(method, path, body, token=TOKEN):
    body = body if isinstance(body, (bytes, str)) else json.dumps(body)
    headers = {"Content-Type": "application/json"} | ({"X-Auth-Token": token} if token else {})
    return requests.request(method, URL + path, data=body, headers=headers, verify=False, timeout=60)


def stream(body, stream="report.docx", project="p1", token=TOKEN):
    return send("POST", f"/v2/{project}/stream/{stream}/tags/action", body, token)


def image(body, image="bridge.png", project="p1", token=TOKEN):
    return send("DELETE", f"/v1/{project}/cloudimages/{image}/tags/delete", body, token)


def samples(body, dataset="d1", project="p1", token=TOKEN):
    return send("POST", f"/v2/{project}/datasets/{dataset}/data-annotations/samples/delete", body, token)


def empty(answer):
    assert answer.status_code == 204 and answer.content == b"", (answer.status_code, answer.text)


def deleting(tags):
    return {"action": "delete", "tags": tags}


def deletes():
    # A value that is another one, and a key that is not there: nothing to do, and no error.
    empty(stream(deleting([{"key": "id", "value": "7"}, {"key": "nobody"}])))
    for _ in range(2):
        empty(stream(deleting(ID), token=ALL))
        empty(image({"tags": [{"key": "id"}, {"key": "Owner", "value": ""}]}))
    answer = samples({"samples": ["1", "none", "2"], "delete_source": True})
    assert answer.status_code == 200, answer.text
    found, missing = {"success": True}, {"success": False, "error_code": "ModelArts.4420", "error_msg": "Sample not found"}
    expected = [found | {"sample_id": "1"}, missing | {"sample_id": "none"}, found | {"sample_id": "2"}]
    assert answer.json() == {"success": False, "results": expected}, answer.text
    assert samples({"samples": ["4"]}).json() == {"success": True, "results": [found | {"sample_id": "4"}]}
    assert not samples({"samples": ["4"]}).json()["success"], "it is gone"


def refusals():
    long = [{"key": "k" * 128}]
    many = [{"key": str(number)} for number in range(11)]

    def dis(answer, status, code):
        body = answer.json()
        assert (answer.status_code, body["errorCode"]) == (status, code) and body["message"], answer.text

    dis(stream(deleting(ID), token=None), 401, "DIS.4100")
    dis(stream(deleting(ID), token="somebody else's"), 401, "DIS.4100")
    dis(stream(deleting(ID), project="p2"), 403, "DIS.4116")
    dis(stream(""), 400, "DIS.4202")
    dis(stream("{"), 400, "DIS.4200")
    dis(stream({"action": "delete"}), 400, "DIS.4200")
    dis(stream({"tags": ID}), 400, "DIS.4200")
    dis(stream(deleting([])), 400, "DIS.4200")
    dis(stream(deleting([{"key": ""}])), 400, "DIS.4200")
    dis(stream(deleting(long)), 400, "DIS.4200")
    dis(stream(deleting(many)), 400, "DIS.4601")
    for action in ["create", "Delete"]:
        dis(stream({"action": action, "tags": ID}), 400, "DIS.4605")
    dis(stream(b" " * (2 << 20)), 400, "DIS.4200")
    for name in ["nothing", "..%2F..%2Fserver.toml", "%2e%2e", ".", "out%2Fserver.toml"]:
        answer = stream(deleting(ID), stream=name)
        assert answer.status_code in (400, 404), (name, answer.status_code, answer.text)
    dis(stream(deleting(ID), stream="nothing"), 400, "DIS.4301")
    dis(stream(deleting(ID), stream="unknown.bin"), 400, "DIS.4602")
    dis(stream(deleting(ID), stream="outside"), 400, "DIS.4301")

    def ims(answer, status, code):
        error = answer.json()["error"]
        assert (answer.status_code, error.get("code")) == (status, code) and error["message"], answer.text

    ims(image({"tags": ID}, token=None), 401, None)
    ims(image({"tags": ID}, project="p2"), 403, "IMG.0161")
    ims(image(""), 400, "IMG.0007")
    ims(image({"tags": {"id": "8888"}}), 400, "IMG.0001")
    ims(image({"tags": [{"key": ""}]}), 400, "IMG.0115")
    ims(image({"tags": [{"key": "id", "value": "v" * 256}]}), 400, "IMG.0115")
    ims(image({"tags": many}), 400, "IMG.0116")
    ims(image({"tags": ID}, image="nothing"), 404, "IMG.0027")
    # Legacy tags may be longer than those that can be made.
    empty(image({"tags": [{"key": "k" * 127, "value": "v" * 255}]}))

    def arts(answer, status, code):
        body = answer.json()
        assert (answer.status_code, body.get("error_code")) == (status, code) and body["error_msg"], answer.text

    arts(samples({"samples": ["1"]}, token=None), 401, "ModelArts.4713")
    arts(samples({"samples": ["1"]}, project="p2"), 403, None)
    arts(samples({"samples": []}), 400, "ModelArts.4200")
    arts(samples({"samples": "1"}), 400, "ModelArts.4200")
    arts(samples({"samples": ["1"]}, dataset="nothing"), 400, "ModelArts.4352")
    arts(samples(b" " * (13 << 20)), 413, "ModelArts.4104")
    # A file outside of its dataset stays, and so does its sample.
    answer = samples({"samples": ["5"], "delete_source": True}).json()
    assert answer["results"][0]["error_code"] == "ModelArts.4651", answer


def races():
    """Many change one manifest: none undoes what another did. FOLDER has it as the dataset d2 with the samples 0 to 39."""
    def one(number):
        while (answer := samples({"samples": [str(number)]}, dataset="d2")).status_code == 503:
            pass
        return answer.json()["success"]

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert all(pool.map(one, range(40)))
    left = Path(sys.argv[3], "store/p1/datasets/d2/manifest.jsonl").read_bytes()
    assert left == b"", left


requests.packages.urllib3.disable_warnings()
{"races": races, "deletes": deletes, "refusals": refusals}[sys.argv[1]]()
