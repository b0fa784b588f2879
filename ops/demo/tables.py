"""The demo's tables, drawn from the product's own answers."""

from typing import Any

from rich.table import Table


def rupees(paise: int) -> str:
    """Paise as rupees."""
    return f"{paise / 100:,.2f}"


def brackets(state: dict[str, Any]) -> Table:
    """The brackets that the leader reports."""
    table = Table(box=None, padding=(0, 1), header_style="dim")
    table.add_column("", width=2)
    for name in ("instrument", "bracket", "entry", "stop", "target"):
        table.add_column(name, no_wrap=True)
    for each in state["brackets"][:6]:
        table.add_row(
            "",
            each["instrument"].partition(":")[2],
            each["state"],
            *(leg(each.get(name)) for name in ("entry", "stop", "target")),
        )
    return table


def leg(order: dict[str, Any] | None) -> str:
    """One leg in a few words."""
    if not order:
        return "-"
    price = order["averagePricePaise"] or order["triggerPricePaise"] or order["pricePaise"]
    filled, quantity = order["filledQuantity"], order["quantity"]
    amount = f"{filled}/{quantity}" if 0 < filled < quantity else f"{quantity}"
    return f"{order['status'].lower()} {amount} @ {rupees(price)}"


def account(state: dict[str, Any]) -> str:
    """The account in one line."""
    return (
        f"net liquidation ₹{rupees(state['netLiquidationPaise'])} · heat ₹{rupees(state['heatPaise'])} · "
        f"day profit ₹{rupees(state['dayProfitPaise'])} · orders placed {state['orders']['placed']}, "
        f"working {state['orders']['working']}, in doubt {state['orders']['inDoubt']}"
    )
