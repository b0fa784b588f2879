"""One order's life on a fresh stack: signal, entry, stop and target, kill, flat; told and judged from the exchange's log.

    make smoke-test

A process of the exchange and a process of the trader, real sockets, a new journal. About half a minute; nothing is left.
"""

import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ops.clients.session import Waited, wait_for
from ops.demo.story import Story
from ops.judging.checkers import flat_since, judge, longest_unprotected_seconds
from ops.judging.history import of_account, ours
from ops.preflight import stack

ACCOUNT = "SMOKE1"
ENTRY_SECONDS = 120.0
KILL_LIMIT = 2.0


def run() -> int:
    """Walk the life; the exit code says whether all of it held."""
    story = Story()
    story.chapter("One order's life, on a fresh stack")
    try:
        with tempfile.TemporaryDirectory(prefix="smoke-") as folder, stack.exchange() as exchange:
            story.tell(f"exchange: kitesim, seed {stack.SEED}, a market minute a second")
            with stack.trader(exchange.url, Path(folder), ACCOUNT) as trader:
                with story.step("the engine is LIVE: replayed, reconciled twice, preflight passed"):
                    wait_for("LIVE", lambda: trader.state()["tradingState"] == "LIVE" or None, stack.START_SECONDS)
                with story.step("a signal becomes a position with its stop and its target"):
                    wait_for("a protected position", lambda: _protected(trader.state()), ENTRY_SECONDS)
                asked_ns = time.time_ns()
                kill = trader.kill("smoke test")
                log = [dict(entry) for entry in of_account(exchange.read_log(), ACCOUNT)]

                def flat_at() -> int | None:
                    nonlocal log
                    log = [dict(entry) for entry in of_account(exchange.read_log(), ACCOUNT)]
                    return flat_since(log, asked_ns)

                flat_ns = wait_for("flat", flat_at, 30)
                story.within(
                    "flat by the exchange's log after the kill was asked for", (flat_ns - asked_ns) / 1e9, KILL_LIMIT
                )
                with story.step("the engine is HALTED and says why"):
                    wait_for("HALTED", lambda: (trader.state().get("kill") or {}).get("id") == kill or None, 10)
            _tell_life(story, log)
            for promise, violations in judge(log, exchange.now_ns()).items():
                held = f"longest without: {longest_unprotected_seconds(log, exchange.now_ns()):.2f} s"
                story.verdict(promise, violations, held if "stop" in promise else "")
    except (stack.StackError, Waited) as failure:
        story.broken.append(str(failure))
    return story.end()


def _protected(state: dict[str, Any]) -> bool | None:
    for each in state["brackets"]:
        legs = [each.get(name) for name in ("entry", "stop", "target")]
        if all(legs) and legs[0]["filledQuantity"] and legs[1]["status"] == legs[2]["status"] == "WORKING":
            return True
    return None


def _tell_life(story: Story, log: list[Mapping[str, Any]] | list[dict[str, Any]]) -> None:
    """What happened to the first intent, in milliseconds since its entry was accepted."""
    orders = {order.order_id: order for order in ours(log)}
    if not orders:
        return
    first = next(iter(orders.values()))
    for entry in log:
        order = orders.get(str(entry.get("order_id")))
        if order is None or order.parts.intent != first.parts.intent or entry["kind"] == "order_update":
            continue
        at = (int(entry["machine_time_ns"]) - first.at_ns) / 1e6
        detail = f"{entry['quantity']} @ {entry['price']:,.2f}" if entry["kind"] == "trade" else order.tag
        story.tell(f"{at:9.1f} ms  {order.parts.leg.name.lower():7} {entry['kind'].removeprefix('order_'):10} {detail}")


if __name__ == "__main__":
    sys.exit(run())
