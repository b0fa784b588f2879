"""Traders with a known bug: the stand's own image, and the bug that the drills' component tests plant."""

from ops.clients.kubectl import ROOT, Kubectl
from ops.cluster import kindcluster
from ops.images import loading

PLANTED = ROOT / "tests" / "component" / "drills" / "planted"
FOLDER = "/opt/planted"


def trader_image(stand: Kubectl) -> str:
    """The image that the operator runs where a session names none."""
    (operator,) = stand.json("get", "deployment", "-l", "app.kubernetes.io/component=operator")["items"]
    (container,) = operator["spec"]["template"]["spec"]["containers"]
    return str(next(each["value"] for each in container["env"] if each["name"] == "OPERATOR_TRADER_IMAGE"))


def image_with(bug: str, image: str) -> str:
    """Make this image with that bug, load it into the nodes, and return its name."""
    docker = kindcluster.current().docker
    name = f"{image}-{bug.replace('_', '-')}"
    container = docker.run("create", image).output.strip()
    try:
        docker.run("cp", f"{PLANTED}/.", f"{container}:{FOLDER}")
        change = f"ENV PYTHONPATH={FOLDER} DRILL_PLANTED_BUG={bug}"
        docker.run("commit", "--change", change, container, name)
    finally:
        docker.run("rm", container)
    loading.load([name])
    return name
