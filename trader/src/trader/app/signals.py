"""`POST /v1/signals`: what somebody else decided, brought to the session's signal-intake strategy and judged like any intent.

Repeating a request is safe: the key is the signal's identity for the day, and the same key never enters twice.
"""

from typing import Annotated, Final, Literal

from fastapi import Depends, FastAPI, HTTPException, Response, status
from pydantic import BaseModel, ConfigDict, Field

from trader.app.access import Action
from trader.app.callers import Caller, caller_for
from trader.app.process import TraderProcess
from trader.domain.events import EntrySignal
from trader.domain.signal_intake import NAME
from trader.domain.values import GuardCode, InstrumentKey, Paise, Side, SignalKey, SignalVerdict

Price = Annotated[int, Field(gt=0, le=10_000_000_000, description="Whole paise, on the instrument's tick.")]
STATUS: Final = {SignalVerdict.ENTERED: status.HTTP_202_ACCEPTED, SignalVerdict.KNOWN: status.HTTP_200_OK}


class SignalRequest(BaseModel):
    """The body: where to enter, where it is wrong, where it is done; never how much."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    key: Annotated[
        str,
        Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/-]{0,99}$", description="The signal's identity for the day."),
    ]
    instrument: Annotated[str, Field(pattern=r"^[A-Z]{2,4}:[A-Z0-9&-]{1,40}$", description="NFO:NIFTY26DECFUT")]
    side: Literal["BUY", "SELL"]
    entry_price: Annotated[Price | None, Field(alias="entryPricePaise")] = None
    """The worst that the entry may pay; without it, some ticks beyond the touch."""
    stop_price: Annotated[Price, Field(alias="stopPricePaise")]
    target_price: Annotated[Price, Field(alias="targetPricePaise")]
    trail_distance: Annotated[int, Field(alias="trailDistancePaise", ge=0, le=10_000_000)] = 0
    trail_step: Annotated[int, Field(alias="trailStepPaise", ge=0, le=10_000_000)] = 0
    strategy: Annotated[str, Field(min_length=1, max_length=100)] = NAME

    def signal(self) -> EntrySignal:
        """In the domain's words."""
        return EntrySignal(
            key=SignalKey(self.key),
            instrument=InstrumentKey(self.instrument),
            side=Side(self.side),
            entry_price=None if self.entry_price is None else Paise(self.entry_price),
            stop_price=Paise(self.stop_price),
            target_price=Paise(self.target_price),
            trail_distance=Paise(self.trail_distance),
            trail_step=Paise(self.trail_step),
        )


class SignalAnswer(BaseModel):
    """What became of it."""

    verdict: SignalVerdict
    intent: str
    code: GuardCode | None
    detail: str


def add_signals(application: FastAPI, process: TraderProcess) -> None:
    """Add the route."""

    @application.post("/v1/signals", status_code=status.HTTP_202_ACCEPTED)
    async def signals(
        body: SignalRequest, caller: Annotated[Caller, Depends(caller_for(Action.SIGNAL))], response: Response
    ) -> SignalAnswer:
        """202 entered, 200 known before, 409 denied with the guard's code, 503 when this process does not lead."""
        engine = process.engine
        if engine is None:
            raise HTTPException(status.HTTP_503_SERVICE_UNAVAILABLE, f"not running yet: {process.message}")
        await caller.record("taken", f"{body.strategy} {body.key}: {body.side} {body.instrument}")
        judged = await engine.take_signal(body.strategy, body.signal())
        is_elsewhere = judged.code is GuardCode.NOT_LEADER
        denied = status.HTTP_503_SERVICE_UNAVAILABLE if is_elsewhere else status.HTTP_409_CONFLICT
        response.status_code = STATUS.get(judged.verdict, denied)
        return SignalAnswer(verdict=judged.verdict, intent=judged.intent, code=judged.code, detail=judged.detail)
