"""A trading day is sealed by a Job on the real cluster, kept on a volume, and verified when it is asked for again."""

import base64
import io
import json
import re
import tarfile
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from ops.clients.kubectl import Kubectl
from ops.clients.session import wait_for
from ops.cluster import docker
from tests.cluster.desks import Desk
from tests.cluster.plugin import tsn

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]


@pytest.fixture
def claim(stand: Kubectl) -> Iterator[str]:
    """A volume for the archive, on one worker; gone afterwards.

    The cluster's own class makes folders that only root may write, whatever a pod's group is; a node's /tmp takes anybody's.
    """
    name = "archive-of-a-test"
    worker = stand.json("get", "nodes", "-l", "!node-role.kubernetes.io/control-plane")["items"][0]["metadata"]["name"]
    there = {"key": "kubernetes.io/hostname", "operator": "In", "values": [worker]}
    common = {"storageClassName": "", "accessModes": ["ReadWriteOnce"]}
    volume = {
        **common,
        "capacity": {"storage": "64Mi"},
        "hostPath": {"path": "/tmp", "type": "Directory"},
        "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [there]}]}},
        "persistentVolumeReclaimPolicy": "Retain",
    }
    wanted = {**common, "volumeName": name, "resources": {"requests": {"storage": "64Mi"}}}
    for kind, spec in (("PersistentVolume", volume), ("PersistentVolumeClaim", wanted)):
        stand.apply(yaml.safe_dump({"apiVersion": "v1", "kind": kind, "metadata": {"name": name}, "spec": spec}))
    yield name
    for kind in ("persistentvolumeclaim", "persistentvolume"):
        stand.run("delete", kind, name, "--wait=false")


def sealed_by(desk: Desk) -> dict[str, Any]:
    """Ask for it and wait; what the status has then."""
    said = tsn(desk.session.kubectl, "post-close", desk.session.name, "--wait", "150")
    found: dict[str, Any] = desk.session.status()["postClose"]
    assert f"Job {found['job']}" in said
    assert f"post-close of {found['date']}: {found['verdict']}" in said
    return found


def kept_on(stand: Kubectl, claim: str, path: str) -> bytes:
    """A file of the archive, from the disk of the node that keeps it."""
    volume = stand.json("get", "persistentvolume", claim)
    (there,) = volume["spec"]["nodeAffinity"]["required"]["nodeSelectorTerms"]
    daemon = docker.running()
    assert daemon is not None
    # Base64, for it may be an archive.
    found = daemon.run("exec", there["matchExpressions"][0]["values"][0], "base64", f"/tmp/{path}")
    return base64.b64decode(found.output)


def assert_whole(desk: Desk, claim: str, folder: str) -> None:
    """Logs of both traders, a commit, digests; whoever may read those logs may read no other."""
    stand, name = desk.session.kubectl, desk.session.name
    manifest = json.loads(kept_on(stand, claim, f"{folder}/manifest.json"))
    assert (manifest["logsMissing"], manifest["redactions"], manifest["drills"]) == ([], 0, [])
    assert re.fullmatch(r"[0-9a-f]{40}(-modified)?", manifest["gitSha"]), manifest["gitSha"]
    assert all("@sha256:" in each for each in manifest["images"]), manifest["images"]
    with tarfile.open(fileobj=io.BytesIO(kept_on(stand, claim, f"{folder}/records.tar.gz"))) as tar:
        for number, pod in enumerate((f"{name}-trader-0", f"{name}-trader-1"), 1):
            log = tar.extractfile(f"logs/{number:02d}-{pod}.log")
            assert log is not None
            assert b'"event": ' in log.read()
    user = f"--as=system:serviceaccount:{stand.namespace}:{name}-post-close"
    asked = {
        what: stand.run("auth", "can-i", *what.split(), user, check=False).split()[-1] == "yes"
        for what in (f"get pods/{name}-trader-1 --subresource=log", "get pods/other --subresource=log", "get secrets")
    }
    assert list(asked.values()) == [True, False, False], asked


def test_a_day_is_sealed_kept_and_verified(desk: Desk, claim: str) -> None:
    """The snapshot restores, the verdict lands in the status, and the archive outlives the pod that wrote it."""
    desk.session.patch({"postClose": {"archive": {"persistentVolumeClaim": claim}, "retention": "30d"}})
    wait_for("both traders", lambda: desk.session.condition("Ready").get("reason") == "SessionReady" or None, 120)
    first = sealed_by(desk)
    assert (first["verdict"], first["result"], first["claim"]) == ("Passed", "Archived", claim), first
    assert first["archive"] == f"{desk.session.name}/{first['date']}"
    assert_whole(desk, claim, first["archive"])
    condition = desk.session.condition("PostCloseSucceeded")
    assert (condition["status"], condition["reason"]) == ("True", "Archived")
    (day,) = desk.session.status()["burnIn"]["days"]
    assert (day["date"], day["judgement"] in ("Clean", "Unclean", "Idle")) == (first["date"], True)
    again = sealed_by(desk)
    if again["date"] == first["date"]:  # at sixty times the machine's pace a day may end in between
        assert (again["verdict"], again["result"], again["sha256"]) == ("Passed", "Verified", first["sha256"]), again
    else:
        assert (again["verdict"], again["result"]) == ("Passed", "Archived"), again
    assert f"on {claim}" in tsn(desk.session.kubectl, "status", desk.session.name)
    desk.judge()


def test_without_a_claim_the_condition_says_that_nothing_is_kept(desk: Desk) -> None:
    """Sealed and proved, and gone with its pod: the desk must know."""
    found = sealed_by(desk)
    assert (found["verdict"], "claim" in found) == ("Passed", False), found
    condition = desk.session.condition("PostCloseSucceeded")
    assert (condition["status"], condition["reason"]) == ("True", "NotKept")
