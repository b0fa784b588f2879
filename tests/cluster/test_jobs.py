"""A trading day is sealed by a Job on the real cluster, kept on a volume, and verified when it is asked for again."""

from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from ops.clients.kubectl import Kubectl
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


def test_a_day_is_sealed_kept_and_verified(desk: Desk, claim: str) -> None:
    """The snapshot restores, the verdict lands in the status, and the archive outlives the pod that wrote it."""
    desk.session.patch({"postClose": {"archive": {"persistentVolumeClaim": claim}, "retention": "30d"}})
    first = sealed_by(desk)
    assert (first["verdict"], first["result"], first["claim"]) == ("Passed", "Archived", claim), first
    assert first["archive"] == f"{desk.session.name}/{first['date']}"
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
