"""Checks the examples of docs/scale-out for their form, and prints the commands in them as JSON.

Those of AWS are checked against botocore's description of the calls; that of Kubernetes, for which there is none here, against
the fields of batch/v1 that it uses and what its documentation demands of them.
"""
import json, sys
from pathlib import Path

import botocore.session, yaml
from botocore.validate import ParamValidator

HERE = Path(sys.argv[1])
FIELDS = {
    "": {"apiVersion", "kind", "metadata", "spec"},
    "spec": {"completions", "parallelism", "completionMode", "backoffLimitPerIndex", "maxFailedIndexes", "podReplacementPolicy",
             "podFailurePolicy", "template", "suspend", "ttlSecondsAfterFinished", "activeDeadlineSeconds"},
    "spec.template.spec": {"restartPolicy", "terminationGracePeriodSeconds", "securityContext", "containers", "volumes"},
    "spec.template.spec.containers.0": {"name", "image", "workingDir", "command", "args", "env", "resources", "securityContext",
                                        "volumeMounts"},
}


def at(value, path):
    for part in filter(None, path.split(".")):
        value = value[int(part)] if part.isdigit() else value[part]
    return value


def kubernetes():
    job, = yaml.safe_load_all((HERE / "kubernetes.yaml").read_text())
    assert (job["apiVersion"], job["kind"]) == ("batch/v1", "Job")
    for path, known in FIELDS.items():
        assert set(at(job, path)) <= known, (path, set(at(job, path)) - known)
    spec, pod = job["spec"], job["spec"]["template"]["spec"]
    assert spec["completionMode"] == "Indexed" and pod["restartPolicy"] == "Never"
    assert spec["podReplacementPolicy"] == "Failed", "all that goes with a failure policy"
    container, = pod["containers"]
    for rule in spec["podFailurePolicy"]["rules"]:
        assert rule["action"] in ("FailIndex", "FailJob", "Ignore", "Count")
        assert ("onExitCodes" in rule) != ("onPodConditions" in rule)
        codes = rule.get("onExitCodes")
        assert not codes or codes["operator"] in ("In", "NotIn") and 0 not in codes["values"]
        assert not codes or codes["containerName"] == container["name"]
    assert {mount["name"] for mount in container["volumeMounts"]} == {volume["name"] for volume in pod["volumes"]}
    assert all(len(variable["valueFrom"]) == 1 for variable in container["env"])
    return {"command": container["command"] + container["args"], "shares": spec["completions"], "data": container["workingDir"],
            "variables": [variable["name"] for variable in container["env"]]}


def aws():
    session = botocore.session.get_session()
    model = session.get_service_model("batch")
    read = lambda name: json.loads((HERE / name).read_text())
    definition, job = read("aws-batch-definition.json"), read("aws-batch-job.json")
    for document, call in ((definition, "RegisterJobDefinition"), (job, "SubmitJob")):
        shape = model.operation_model(call).input_shape
        problems = ParamValidator().validate(document, shape).generate_report()
        assert not problems, problems
    assert job["jobDefinition"] == definition["jobDefinitionName"]
    assert 2 <= job["arrayProperties"]["size"] <= 10_000 and 1 <= definition["retryStrategy"]["attempts"] <= 10
    assert all(rule["action"] in ("EXIT", "RETRY") for rule in definition["retryStrategy"]["evaluateOnExit"])
    return {"command": definition["containerProperties"]["command"], "shares": job["arrayProperties"]["size"], "data": "/data",
            "variables": []}


print(json.dumps({"kubernetes": kubernetes(), "aws": aws()}))
