"""The page `docs/reference/state-machines.md`."""

from ops.bench.figures import ROOT
from ops.diagrams.brackets import CLOSED, bracket_edges
from ops.diagrams.trading import trading_edges
from ops.diagrams.walking import Edges, mermaid
from trader.domain.orders import TRANSITIONS
from trader.domain.values import OrderStatus, TradingState

PAGE = ROOT / "docs" / "reference" / "state-machines.md"

_HEAD = """\
# State machines

<!-- Written by `make diagrams`; do not edit. A test compares this page with the code. -->

Drawn from the code: the orders from their table, brackets and trading states by walking through the domain's own functions. Nothing
here is a plan; it is what the domain does.
"""
_ORDERS = """
## An order

The table `TRANSITIONS` of `trader.domain.orders`. Every interim status of the broker is WORKING. A time-out is not a
rejection: IN_DOUBT is left by the broker's word alone. From REJECTED and ABSENT a way leads on because they may be our own
conclusion: a refusal without an order id, a book without the order. What the broker itself ended stays ended.

"""
_BRACKETS = """
## A bracket

The word that `/v1/state` shows for an open bracket (`bracket_state` of `trader.domain.views`), over every journal of two
units that the table above allows, in whatever order the broker's news come. Edges that no healthy day sees are drawn because
the domain has to bear them: an entry that fills after its stop had to, an exit and a target that both fill. `entering` says
that nothing is held, before the entry fills or after an exit filled while other legs still work. What leads out of
`unprotected`, `exiting` and `reversed` is not waited for: it is derived anew on each step (rule 3).

"""
_TRADING = """
## The engine

The trading state is a function of the present, derived after every event (`judge_state` of `trader.domain.states`), so this
is not a table but a walk: every kind of news, from every situation that news has led to, through `step` itself. The arrows
say which state may follow which; the table says upon what.

"""


def page() -> str:
    """All of it."""
    orders: Edges = {(before.value, after.value): {""} for before in OrderStatus for after in TRANSITIONS[before]}
    final = [each.value for each in OrderStatus if not TRANSITIONS[each]]
    trading = trading_edges()
    rows = [
        f"| {before} | {after} | {', '.join(sorted(trading[before, after]))} |\n" for before, after in sorted(trading)
    ]
    bare = {edge: {""} for edge in trading}
    return "".join(
        [
            _HEAD,
            _ORDERS,
            mermaid(orders, OrderStatus.UNSENT, final),
            _BRACKETS,
            mermaid(bracket_edges(), "entering", [CLOSED]),
            _TRADING,
            mermaid(bare, TradingState.PAPER),
            "\n| from | to | upon |\n|---|---|---|\n",
            *rows,
        ]
    )


def write() -> None:
    """Write the page."""
    PAGE.write_text(page())
