"""Prometheus' own API, by way of the API server: what fires, what it scrapes, what a query answers."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from ops.clients.kubectl import Kubectl, KubectlError
from ops.monitoring import manifests


@dataclass(frozen=True, slots=True)
class Firing:
    """One alert that is pending or firing."""

    name: str
    state: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]

    @property
    def session(self) -> str:
        """The session concerned; empty for those that concern none."""
        return self.labels.get("session", "")


class Prometheus:
    """The one that `python -m ops.monitoring up` runs."""

    def __init__(self, kubectl: Kubectl) -> None:
        self._kubectl = kubectl

    def alerts(self) -> list[Firing]:
        """What is pending or firing now."""
        return [
            Firing(each["labels"]["alertname"], each["state"], each["labels"], each["annotations"])
            for each in self._ask("alerts")["alerts"]
        ]

    def rule_names(self) -> set[str]:
        """Names of the alerts that are loaded."""
        groups = self._ask("rules")["groups"]
        return {rule["name"] for group in groups for rule in group["rules"] if rule["type"] == "alerting"}

    def targets(self) -> list[dict[str, Any]]:
        """What is scraped, with its health."""
        found: list[dict[str, Any]] = self._ask("targets?state=active")["activeTargets"]
        return found

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The vector that an expression answers now.

        Raises:
            KubectlError: Prometheus refused the expression or did not answer.
        """
        found: list[dict[str, Any]] = self._ask(f"query?query={quote(expression, safe='')}")["result"]
        return found

    def version(self) -> str:
        """Its release."""
        return str(self._ask("status/buildinfo")["version"])

    def _ask(self, what: str) -> Any:
        answer = json.loads(self._kubectl.pod_http(manifests.POD, f"/api/v1/{what}", port=9090))
        if answer["status"] != "success":
            raise KubectlError(f"Prometheus refused {what}: {answer.get('error')}")
        return answer["data"]
