"""What the week is played on: a namespace of the stand with an exchange of its own and room for the archive.

The operator, PostgreSQL and Redis are the stand's. The account's name is new in each week, for its journal must not remember
orders of an exchange that is gone.
"""

import base64
import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import yaml

from ops.clients.exchange import Exchange, exchange_in
from ops.clients.kubectl import KUBECONFIG, Kubectl
from ops.clients.session import Session, wait_for
from ops.cluster import kindcluster
from ops.deploying import CHART, NAMESPACE, VALUES, DeployError, kubectl, tool
from ops.week.programme import Programme

WEEK = "trading-week"
NAME = "index-intraday"
ARCHIVE = "archive"
_FOLDER = "/var/lib/trading-week-archive"
_COPIED = ("trading-db", "trading-redis", "kitesim-credentials")


@dataclass(frozen=True, slots=True)
class Stage:
    """The namespace, the session in it, and the exchange as witness."""

    kubectl: Kubectl
    session: Session
    exchange: Exchange
    account: str


@contextmanager
def stage(programme: Programme) -> Iterator[Stage]:
    """Set up; gone after the block, the archive too."""
    week = kubectl(WEEK)
    _remove(week)
    account = f"TW{int(time.time()) % 10**8:08d}"
    try:
        _namespace(week)
        _volume(week)
        _exchange(week, programme)
        with exchange_in(week) as exchange:
            yield Stage(week, Session(week, NAME), exchange, account)
    finally:
        _remove(week)


def manifest(account: str, programme: Programme) -> dict[str, Any]:
    """The week's session: Paper, until its burn-in days are clean; then canary, then full."""
    url = f"kitesim.{WEEK}:8080"
    broker = {
        "type": "Kitesim",
        "url": f"http://{url}",
        "streamURL": f"ws://{url}",
        "credentialsSecretRef": {"name": "kitesim-credentials"},
    }
    return {
        "apiVersion": "tradeops.dev/v1alpha1",
        "kind": "TradingSession",
        "metadata": {"name": NAME},
        "spec": {
            "mode": "Paper",
            "account": {"id": account, "foreign": "Refuse", "broker": broker},
            "storage": {
                "databaseSecretRef": {"name": "trading-db"},
                "redisSecretRef": {"name": "trading-redis"},
            },
            "calendar": {"exchange": "NFO", "timezone": "Asia/Kolkata"},
            "strategies": [{"name": "opening-range-breakout"}],
            "config": {"stages": programme.stages(), "onFailure": "Rollback"},
            "gates": programme.gates(),
            "postClose": {"archive": {"persistentVolumeClaim": ARCHIVE}, "retention": "30d"},
        },
    }


def _namespace(week: Kubectl) -> None:
    stand = kubectl(NAMESPACE)
    documents: list[dict[str, Any]] = [
        {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": WEEK, "labels": {"pod-security.kubernetes.io/enforce": "restricted"}},
        }
    ]
    for name in _COPIED:
        found = stand.json("get", "secret", name)
        data = {key: base64.b64decode(value).decode() for key, value in found["data"].items()}
        documents.append({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": data})
    week.apply(yaml.safe_dump_all(documents))


def _volume(week: Kubectl) -> None:
    """A folder of one node: the cluster's own storage class makes folders that only root may write to."""
    cluster = kindcluster.current()
    node = cluster.nodes[-1]
    cluster.docker.run("exec", node, "sh", "-c", f"rm -rf {_FOLDER} && mkdir -m 0777 {_FOLDER}")
    affinity = {
        "required": {
            "nodeSelectorTerms": [
                {"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": [node]}]}
            ]
        }
    }
    common = {"accessModes": ["ReadWriteOnce"], "storageClassName": WEEK}
    week.apply(
        yaml.safe_dump_all(
            [
                {
                    "apiVersion": "v1",
                    "kind": "PersistentVolume",
                    "metadata": {"name": WEEK},
                    "spec": {
                        **common,
                        "capacity": {"storage": "1Gi"},
                        "local": {"path": _FOLDER},
                        "nodeAffinity": affinity,
                        "persistentVolumeReclaimPolicy": "Delete",
                    },
                },
                {
                    "apiVersion": "v1",
                    "kind": "PersistentVolumeClaim",
                    "metadata": {"name": ARCHIVE},
                    "spec": {**common, "volumeName": WEEK, "resources": {"requests": {"storage": "1Gi"}}},
                },
            ]
        )
    )


def _exchange(week: Kubectl, programme: Programme) -> None:
    """The chart's kitesim once more, with NSE's hours, on the morning of the first day."""
    chosen = [f"--values={path}" for path in VALUES]
    chosen += ["--set", "kitesim.market=nse", "--set", "kitesim.speed=1"]
    chosen += ["--set", f"kitesim.date={programme.first_date}"]
    chosen += ["--set-string", "kitesim.start=08:45:00", "--set", "kitesim.auth.existingSecret=kitesim-credentials"]
    command = [tool("helm"), "--kubeconfig", str(KUBECONFIG), "template", "week", str(CHART), "--namespace", WEEK]
    command += [*chosen, "--show-only", "templates/kitesim/deployment.yaml"]
    made = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    if made.returncode != 0:
        raise DeployError(f"helm template failed: {made.stderr.strip()}")
    week.apply(made.stdout)
    week.run("rollout", "status", "deployment/kitesim", "--timeout=90s", seconds=100)


def _remove(week: Kubectl) -> None:
    if not week.run("get", "namespace", WEEK, "--ignore-not-found"):
        return
    week.run("delete", "tradingsession", "--all", "--wait=true", "--timeout=120s", seconds=130, check=False)
    week.run("delete", "namespace", WEEK, "--wait=true", "--timeout=180s", seconds=190)
    week.run("delete", "persistentvolume", WEEK, "--ignore-not-found", "--timeout=60s", seconds=70)
    wait_for("the namespace to be gone", lambda: not week.run("get", "namespace", WEEK, "--ignore-not-found"), 60)


def archived_manifest(day: str) -> dict[str, Any]:
    """What a sealed day says of itself, by the node that keeps it; `day` is its folder in the archive."""
    cluster = kindcluster.current()
    found = cluster.docker.run("exec", cluster.nodes[-1], "cat", f"{_FOLDER}/{day}/manifest.json")
    made: dict[str, Any] = json.loads(found.output)
    return made


def archive_listing() -> str:
    """What lies in the archive, by the node that keeps it."""
    cluster = kindcluster.current()
    return cluster.docker.run("exec", cluster.nodes[-1], "sh", "-c", f"cd {_FOLDER} && find . -type f | sort").output
