"""What a trader says of itself when asked (`GET /v1/report`, docs/seams.md §5), as far as a rollout looks at it.

A report that cannot be read counts as none: no data, and so no promotion.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Figures:
    """What was measured since a configuration came into force, under one leadership."""

    config: str
    epoch: int
    run: str
    market_seconds: int
    orders: int
    acknowledged: int
    """Samples of the order acknowledgement."""
    acknowledgement_p95_ms: int | None
    duplicates: int
    orphans: int


@dataclass(frozen=True, slots=True)
class KillFigures:
    """The kills of one trading day that this process flattened."""

    trading_date: str
    samples: int
    slowest_ms: int


@dataclass(frozen=True, slots=True)
class TraderReport:
    """One trader's answer."""

    pod: str
    is_leader: bool
    epoch: int
    """0 on a standby."""
    in_force: str
    """Hash of the configuration that holds; on a standby of the one that it would lead with."""
    waiting: str
    """Hash of the one that was accepted and waits for the next safe point; empty for none."""
    run: str
    """The operator's name for the last configuration that it gave this trader; empty since a boot or a new leadership."""
    trading_date: str
    figures: Figures | None
    kills: KillFigures | None
    market_phase: str = ""
    """Of that date, now: BEFORE, PRE_OPEN, OPEN, CLOSING, AUCTION or CLOSED; empty from a trader that does not say."""


def read_report(body: Any) -> TraderReport | None:
    """Read an answer; None when it is none."""
    if not isinstance(body, Mapping):
        return None
    try:
        config = body["config"]
        return TraderReport(
            pod=str(body["pod"]),
            is_leader=body["isLeader"] is True,
            epoch=_count(body["epoch"]),
            in_force=str(config["inForce"]),
            waiting=str(config["waiting"]),
            run=str(config["run"]),
            trading_date=str(body["tradingDate"]),
            figures=_figures(body["figures"]),
            kills=_kills(body["kills"]),
            market_phase=str(body.get("marketPhase", "")),
        )
    except (KeyError, TypeError, ValueError):
        return None


def _figures(body: Mapping[str, Any] | None) -> Figures | None:
    if body is None:
        return None
    latency = body["orderAck"]["p95Ms"]
    return Figures(
        config=str(body["config"]),
        epoch=_count(body["epoch"]),
        run=str(body["run"]),
        market_seconds=_count(body["marketSeconds"]),
        orders=_count(body["orders"]),
        acknowledged=_count(body["orderAck"]["samples"]),
        acknowledgement_p95_ms=None if latency is None else _count(latency),
        duplicates=_count(body["duplicates"]),
        orphans=_count(body["orphans"]),
    )


def _kills(body: Mapping[str, Any] | None) -> KillFigures | None:
    if body is None:
        return None
    return KillFigures(str(body["tradingDate"]), _count(body["samples"]), _count(body["slowestMs"]))


def _count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError(f"must be a count, was {value!r}")
    return value
