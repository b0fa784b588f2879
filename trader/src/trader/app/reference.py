"""Writes `docs/reference/codes.md` from the registries of guards and refusals: `python -m trader.app.reference [FOLDER]`.

A test compares it with what stands in the repository, so that no code comes without its meaning.
"""

import sys
from collections.abc import Callable
from pathlib import Path

from trader.domain.configuring import CHECKS
from trader.domain.guards import GUARDS
from trader.domain.values import ConfigRefusal, GuardCode

FOLDER = Path("docs/reference")

MEANINGS = {
    GuardCode.NOT_LEADER: "Lease and epoch are both needed to add risk",
    GuardCode.KILLED: "a kill stands, or the engine has asked for one",
    GuardCode.SESSION_CLOSED: "outside continuous trading, after square-off, or the day's books are not opened",
    GuardCode.INSTRUMENT_NOT_ALLOWED: "not in the day's master, or not in the profile",
    GuardCode.EXPIRING: "the contract is past the cut-off of its last session (the calendar says when), or has expired",
    GuardCode.FOREIGN_ACTIVITY: "orders or positions of the account are not ours, and the account refuses that",
    GuardCode.STALE_DATA: "the stream is down, or the last quote is older than the profile allows",
    GuardCode.NOT_LIVE: "the trading state is not LIVE, or an order of this instrument is in doubt",
    GuardCode.DUPLICATE: "this signal is an intent already, or a bracket is open in this instrument",
    GuardCode.TICK_SIZE: "a price is not a multiple of the tick",
    GuardCode.LOT_SIZE: "the instrument has no lot",
    GuardCode.FREEZE_BAND: "a price outside the circuit or the limit price protection, or a freeze quantity below a lot",
    GuardCode.SPREAD_BLOWOUT: "bid and ask are too far apart for this instrument's own normal, or one of them is missing",
    GuardCode.PER_TRADE_RISK: "the stop does not limit the loss, or one lot loses more than a trade may",
    GuardCode.HEAT: "open risk leaves no room for one lot",
    GuardCode.DAILY_LOSS: "with what it risks, the day would be beyond its limit",
    GuardCode.FLATTEN_BUDGET: "after it, closing everything would not fit into two seconds, the minute or the day",
    GuardCode.RATE_LIMIT: "the calls that are left this second belong to exits, or the broker counted too many",
}
REFUSALS = {
    ConfigRefusal.NOT_LEADER: "this process does not lead",
    ConfigRefusal.WRONG_EPOCH: "it was meant for another leadership",
    ConfigRefusal.OUT_OF_BOUNDS: "a limit that no profile may have",
    ConfigRefusal.WRONG_BASE: "it replaces a hash that is not in force",
    ConfigRefusal.HASH_REUSED: "the hash stands for other limits already",
    ConfigRefusal.LOOSENS_WITHOUT_STAGE: "it loosens something, and is not promoted",
    ConfigRefusal.KILLED: "it loosens something while a kill stands",
}
_GENERATED = "<!-- Generated from the code's tables by `python -m trader.app.reference`; a test holds it. -->\n"


def refusals() -> str:
    """Guards and configuration."""
    guards = "\n".join(
        f"| {number} | `{code}` | {MEANINGS[code]} |" for number, (code, _) in enumerate(GUARDS, start=1)
    )
    config = "\n".join(
        f"| {number} | `{code}` | {REFUSALS[code]} |" for number, (code, _) in enumerate(CHECKS, start=1)
    )
    return f"""{_GENERATED}
# Codes

## Guards

Every intent passes all of them in this order (`trader.domain.guards.GUARDS`); the first that objects denies it, with its code in
`trader_guard_trips_total`, in the log (`guard_tripped`) and in the answer to a signal.

| | code | it denies when |
|---|---|---|
{guards}

## Configuration

An offered configuration is refused by the first of these (`trader.domain.configuring.CHECKS`, docs/seams.md §6).

| | code | it refuses when |
|---|---|---|
{config}
"""


PAGES: dict[str, Callable[[], str]] = {"codes.md": refusals}


def main() -> None:
    """Write them."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in PAGES.items():
        (folder / name).write_text(text(), encoding="utf-8")


if __name__ == "__main__":
    main()
