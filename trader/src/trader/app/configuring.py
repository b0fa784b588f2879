"""`POST /v1/config` and `GET /v1/report`: how the operator (or a person) gives a running trader other risk limits.

A configuration is named by the sha256 of its profile's bytes, so that nobody can mean another one. The leader's engine
judges it (`domain.configuring`): what tightens holds at once, what loosens needs the operator's promotion and waits for
the next safe point. A standby takes only what is stable: it is what it would lead with.
"""

import hashlib
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Response, status
from pydantic import BaseModel, ConfigDict, Field

from trader.app.access import Action
from trader.app.callers import Caller, caller_for
from trader.app.documents import ConfigInvalid, parse
from trader.app.process import TraderProcess
from trader.app.profiles import Profile, risk_profile
from trader.domain.profiles import Config
from trader.domain.state import EngineState
from trader.domain.values import ConfigRefusal, ConfigVerdict, Epoch
from trader.engine.session import TradingEngine
from trader.engine.settings import Snapshot

LONGEST_PROFILE = 65_536
_UNUSABLE = frozenset({ConfigRefusal.OUT_OF_BOUNDS})


class ConfigRequest(BaseModel):
    """The body of `POST /v1/config`."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    profile: str = Field(min_length=1, max_length=LONGEST_PROFILE, description="The profile, YAML, as its file is.")
    hash: str | None = Field(
        default=None,
        pattern=r"^[0-9a-f]{64}$",
        description="sha256 of the profile's bytes. Left out: the profile is judged, and nothing else happens.",
    )
    epoch: int = Field(default=0, ge=0, description="The leadership that it is meant for; 0 for a standby.")
    replaces: str | None = Field(default=None, description="The hash in force. Left out: whichever is.")
    stage: str = Field(default="", max_length=63, description="The stage that it has reached.")
    run: str | None = Field(default=None, max_length=200, description="The operator's name for this; reported back.")
    is_stable: bool = Field(default=False, alias="isStable", description="Begin the next leadership with it, too.")
    is_promoted: bool = Field(default=False, alias="isPromoted", description="It has earned this stage: it may loosen.")


def config_routes(process: TraderProcess) -> APIRouter:
    """Both routes, for the application of one process."""
    router = APIRouter()

    @router.get("/v1/report")
    async def report(_caller: Annotated[Caller, Depends(caller_for(Action.STATE))]) -> dict[str, Any]:
        return _report(process)

    @router.post("/v1/config")
    async def config(
        body: ConfigRequest, caller: Annotated[Caller, Depends(caller_for(Action.CONFIG))], response: Response
    ) -> dict[str, Any]:
        profile, digest = _judged(process, body)
        if body.hash is None:
            return {"hash": digest, "verdict": "VALID", "detail": "nothing was changed"}
        engine = process.engine
        snapshot = process.snapshot()
        if engine is None or snapshot is None:
            raise HTTPException(status.HTTP_503_SERVICE_UNAVAILABLE, f"not running yet: {process.message}")
        wanted = Config(digest, body.stage, risk_profile(profile))
        who = f"config {digest[:10]} stage {body.stage or '-'} epoch {body.epoch}"
        await caller.record("taken", who)
        if snapshot.is_leader:
            verdict, detail = await _lead_with(engine, snapshot, wanted, body)
        else:
            verdict, detail = _stand_by_with(engine, wanted, body)
        if body.run is not None:
            process.telemetry.ledger.run = body.run
            process.run_of = (engine.snapshot().epoch, body.run)
        if verdict is ConfigVerdict.WAITING:
            response.status_code = status.HTTP_202_ACCEPTED
        return {"hash": digest, "epoch": body.epoch, "run": body.run, "verdict": verdict.value, "detail": detail}

    return router


def _judged(process: TraderProcess, body: ConfigRequest) -> tuple[Profile, str]:
    """The profile, once everything about it that can be known without the engine is right."""
    digest = hashlib.sha256(body.profile.encode()).hexdigest()
    if body.hash is not None and body.hash != digest:
        raise HTTPException(status.HTTP_409_CONFLICT, f"hash: must be that of the profile, {digest}, was {body.hash}")
    try:
        profile = parse(body.profile, "profile", Profile)
    except ConfigInvalid as error:
        raise HTTPException(status.HTTP_422_UNPROCESSABLE_CONTENT, "; ".join(error.problems)) from error
    strategies = process.chosen.settings.profile.strategies
    if profile.strategies not in ({}, strategies):
        raise HTTPException(
            status.HTTP_422_UNPROCESSABLE_CONTENT,
            "profile: strategies: must be left out, or as this process was started with: parameters change with a restart",
        )
    return profile, digest


async def _lead_with(
    engine: TradingEngine[EngineState], snapshot: Snapshot, wanted: Config, body: ConfigRequest
) -> tuple[ConfigVerdict, str]:
    in_force = snapshot.view.config_hash if snapshot.view is not None else ""
    replaces = in_force if body.replaces is None else body.replaces
    judged = await engine.offer_config(wanted, replaces, Epoch(body.epoch), is_promoted=body.is_promoted)
    if judged.verdict is ConfigVerdict.REFUSED:
        code = status.HTTP_422_UNPROCESSABLE_CONTENT if judged.refusal in _UNUSABLE else status.HTTP_409_CONFLICT
        raise HTTPException(code, f"{judged.refusal}: {judged.detail}")
    if body.is_stable:
        engine.begins_with = wanted
    if body.is_promoted:
        engine.promoted()
    return judged.verdict, judged.detail


def _stand_by_with(
    engine: TradingEngine[EngineState], wanted: Config, body: ConfigRequest
) -> tuple[ConfigVerdict, str]:
    if body.epoch:
        raise HTTPException(
            status.HTTP_409_CONFLICT, f"WRONG_EPOCH: this process does not lead; epoch was {body.epoch}"
        )
    if not (body.is_stable and body.is_promoted):
        raise HTTPException(status.HTTP_409_CONFLICT, "NOT_LEADER: a standby takes only the stable configuration")
    engine.begins_with = wanted
    engine.promoted()
    return ConfigVerdict.APPLIED, "it will lead with it"


def _report(process: TraderProcess) -> dict[str, Any]:
    snapshot = process.snapshot()
    view = snapshot.view if snapshot is not None else None
    epoch = snapshot.epoch if snapshot is not None else 0
    told_epoch, run = process.run_of
    return {
        "pod": process.name,
        "isLeader": snapshot is not None and snapshot.is_leader,
        "epoch": epoch,
        "onPaper": snapshot is not None and snapshot.on_paper,
        "config": {
            "inForce": view.config_hash if view is not None else process.begins_with,
            "waiting": view.config_waiting if view is not None else "",
            "begins": process.begins_with,
            "stage": view.stage if view is not None else "",
            "run": run if told_epoch == epoch else "",
        },
        **process.telemetry.ledger.report(),
    }
