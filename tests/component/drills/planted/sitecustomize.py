"""Plants a known bug into the traders of a drill: Python runs this file at start when its folder stands in PYTHONPATH.

Every layer that would catch the bug is taken out with it: a drill judges what arrives at the exchange, not which check was asked.
"""

import os
import sys
from typing import Any


def epoch_check_off() -> None:
    """No gate, no store and no elector asks whose epoch it is: whoever led once goes on for ever."""
    from trader.adapters.sql.store import SqlStore
    from trader.engine import gate
    from trader.engine.session import TradingEngine

    gate.judge = lambda permit, proofs, now: None
    gate.OrderGate.cut = lambda self: None  # type: ignore[method-assign]
    SqlStore._holds = lambda *_: True  # type: ignore[method-assign]
    SqlStore._judge = lambda *_, **__: None  # type: ignore[method-assign]
    TradingEngine._lose = lambda self, reason: None  # type: ignore[method-assign]


def replay_guard_off() -> None:
    """What stands or is on its way is not looked for: each update places the children anew."""
    from trader.domain import protecting

    protecting.standing_orders = lambda turn, bracket, leg: ([], False)


def band_check_off() -> None:
    """Entries are never held against the circuit limits."""
    from trader.domain import guards
    from trader.domain.values import GuardCode

    def always(case: Any) -> str:
        return ""

    guards.GUARDS = tuple((code, always if code is GuardCode.FREEZE_BAND else guard) for code, guard in guards.GUARDS)


BUGS = {each.__name__: each for each in (epoch_check_off, replay_guard_off, band_check_off)}

if (bug := os.environ.get("DRILL_PLANTED_BUG")) and any(each.endswith("/trader") for each in sys.orig_argv):
    BUGS[bug]()
