"""What a person who runs the trader by hand sees: a small live picture on a terminal, plain lines anywhere else."""

import datetime as dt
import time
from types import TracebackType
from typing import Final, Self, TextIO

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from trader.app.process import TraderProcess
from trader.app.recent import recent_events
from trader.domain.values import IntentId, MarketTime
from trader.domain.views import OrderView, StateView
from trader.engine.settings import Snapshot

PLAIN_SECONDS: Final = 5.0
_INDIA: Final = dt.timezone(dt.timedelta(hours=5, minutes=30))
_STATE_STYLES: Final = {"LIVE": "bold green", "HALTED": "bold red", "REDUCING": "bold yellow"}


def rupees(paise: int) -> str:
    """Whole rupees, grouped; sign in front."""
    return f"₹{paise / 100:,.0f}" if paise >= 0 else f"-₹{-paise / 100:,.0f}"


def clock_text(market_time: MarketTime) -> str:
    """Date and time in India."""
    return dt.datetime.fromtimestamp(market_time / 1e9, _INDIA).strftime("%Y-%m-%d %H:%M:%S")


class StatusLine:
    """Shows a process until it is left."""

    def __init__(self, process: TraderProcess, address: str, stream: TextIO) -> None:
        self._process = process
        self._address = address
        self._console = Console(file=stream, highlight=False)
        self._live: Live | None = None
        self._seen: set[IntentId] = set()
        self._shown_at = 0.0
        self._line = ""

    @property
    def brackets_opened(self) -> int:
        """Brackets whose entry filled, at least in part, since this run began."""
        return len(self._seen)

    def __enter__(self) -> Self:
        """Take the screen, if it is one."""
        if self._console.is_terminal:
            self._live = Live(console=self._console, auto_refresh=False, transient=False)
            self._live.start()
        else:
            self._console.print(f"trading; state and metrics at {self._address}; Ctrl-C ends")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give it back."""
        if self._live is not None:
            self._live.stop()

    def show(self, *, is_ending: bool) -> None:
        """Show what is now."""
        snapshot = self._process.snapshot()
        if snapshot is not None and snapshot.view is not None:
            self._seen.update(each.intent for each in snapshot.view.brackets if each.held)
        if self._live is not None:
            self._live.update(self._picture(snapshot, is_ending), refresh=True)
            return
        line = self._plain(snapshot, is_ending)
        state = line.split(" | ")[1:3]
        if state != self._line.split(" | ")[1:3] or time.monotonic() - self._shown_at > PLAIN_SECONDS:
            self._line, self._shown_at = line, time.monotonic()
            self._console.print(line, markup=False, soft_wrap=True)

    def _plain(self, snapshot: Snapshot | None, is_ending: bool) -> str:
        if snapshot is None or snapshot.view is None:
            return f"- | {self._waiting(snapshot)}"
        view = snapshot.view
        held = ", ".join(f"{each.instrument} {each.quantity:+d}" for each in view.positions if each.quantity) or "flat"
        return " | ".join(
            (
                clock_text(view.market_time),
                ("closing, then " if is_ending else "")
                + view.trading_state.value
                + (f": {view.message}" if view.message else ""),
                held,
                f"{len(view.brackets)} brackets, {view.orders_placed} orders",
                f"heat {rupees(view.heat)}",
                f"day {rupees(view.day_profit)}",
            )
        )

    def _waiting(self, snapshot: Snapshot | None) -> str:
        if snapshot is None:
            return self._process.message or "starting"
        return snapshot.message or "taking over"

    def _picture(self, snapshot: Snapshot | None, is_ending: bool) -> RenderableType:
        if snapshot is None or snapshot.view is None:
            return Text(self._waiting(snapshot), style="yellow")
        view = snapshot.view
        parts: list[RenderableType] = [self._head(snapshot, view, is_ending)]
        if view.brackets:
            parts.append(_brackets(view))
        parts.append(Text("\n".join(recent_events), style="dim", overflow="ellipsis", no_wrap=True))
        parts.append(Text(f"{self._address}/v1/state   Ctrl-C: close positions and end", style="dim"))
        return Group(*parts)

    def _head(self, snapshot: Snapshot, view: StateView, is_ending: bool) -> Text:
        state = view.trading_state.value
        head = Text.assemble(
            (clock_text(view.market_time), "bold"),
            "  ",
            (state, _STATE_STYLES.get(state, "bold cyan")),
            f"  epoch {snapshot.epoch}  worth {rupees(view.net_liquidation)}  heat {rupees(view.heat)}  day ",
            (rupees(view.day_profit), "green" if view.day_profit >= 0 else "red"),
            f"  orders {view.orders_placed}, working {view.working_orders}, in doubt {view.in_doubt_orders}",
        )
        message = "closing positions" if is_ending else view.message
        if view.kill is not None and not is_ending:
            message += f"; Ctrl-C, then --release {view.kill.kill_id} lets it trade again"
        return head.append(f"\n{message}", "yellow") if message else head


def _brackets(view: StateView) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("instrument", "side", "held", "state", "entry", "stop", "target", "profit"):
        table.add_column(name, justify="left" if name in {"instrument", "side", "state"} else "right")
    profits = {each.instrument: each.profit for each in view.positions}
    for bracket in view.brackets:
        profit = profits.get(bracket.instrument)
        table.add_row(
            bracket.instrument.partition(":")[2],
            bracket.side.value,
            f"{bracket.held}/{bracket.quantity}",
            bracket.state,
            _price(bracket.entry),
            _price(bracket.exit or bracket.stop),
            _price(bracket.target),
            "" if profit is None else rupees(profit),
        )
    return table


def _price(order: OrderView | None) -> str:
    if order is None:
        return "-"
    return f"{(order.average_price or order.trigger_price or order.price) / 100:,.2f}"
