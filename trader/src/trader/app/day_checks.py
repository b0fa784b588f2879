"""The tables of the day, as preflight judges them: instruments, freeze quantities, charges, calendar; older is red."""

import datetime as dt

from trader.adapters.kite.instruments import DERIVATIVES, exchanges_of
from trader.app.preflight import Finding
from trader.app.profiles import InstrumentsAllowed
from trader.app.tables import calendar_years, charge_table, freeze_checked_on
from trader.domain.charges import ChargeTable, Segment, exchange_of, segment_of
from trader.domain.values import InstrumentKey, Product


def instruments_finding(loaded: dt.date | None, today: dt.date) -> Finding:
    """Of which day the instruments are that were loaded last."""
    if loaded is None:
        return Finding(passed=False, detail="not loaded yet", is_certain=False)
    return Finding(loaded == today, f"of {loaded}" if loaded == today else f"of {loaded}, the day is {today}")


def freeze_finding(today: dt.date, is_kite: bool) -> Finding:
    """Whether somebody has compared the freeze quantities with the circulars of the day."""
    checked = freeze_checked_on()
    if not is_kite:
        return Finding(passed=True, detail=f"as of {checked}; the simulator's own hold there")
    if checked >= today:
        return Finding(passed=True, detail=f"as of {checked}")
    return Finding(
        passed=False,
        detail=f"as of {checked}, older than {today}: check NSE's circulars, and put a freeze_quantities.yaml "
        f"with `checked: {today}` into the folder that TRADER_TABLES names",
    )


def calendar_finding(exchange: str, today: dt.date) -> Finding:
    """Whether the holidays of the day's year are known."""
    if exchange == "AlwaysOpen":
        return Finding(passed=True, detail="always open")
    years = calendar_years(exchange)
    passed = today.year in years
    told = f"holidays of {', '.join(map(str, sorted(years))) or 'no year'}"
    return Finding(passed, told if passed else f"{told}; none of {today.year} is known")


def charges_finding(used: ChargeTable, allowed: InstrumentsAllowed, today: dt.date, is_kite: bool) -> Finding:
    """Which row counts what each trade costs; one that another row of the table has replaced by today is too old.

    The table was read at the start of the process: a corrected copy counts from the next start on.
    """
    known, day, told, wrong = charge_table(), today.isoformat(), [], []
    for segment, exchange in _markets(allowed):
        what = f"{segment.value.replace('_', ' ')} at {exchange}"
        row, newest = used.rates(day, segment, exchange), known.rates(day, segment, exchange)
        if row is None or row.effective > day:
            wrong.append(f"no row for {what} on {day}" + (f", the first is of {row.effective}" if row else ""))
        elif newest is not None and newest.effective > row.effective:
            wrong.append(f"{what} by the row of {row.effective}, and one of {newest.effective} is known: restart")
        else:
            told.append(f"{what} since {row.effective}")
    if wrong and not is_kite:
        return Finding(passed=True, detail=f"{'; '.join(wrong)}: the simulator charges by its own")
    return Finding(not wrong, "; ".join(wrong or told))


def _markets(allowed: InstrumentsAllowed) -> list[tuple[Segment, str]]:
    """Segments and exchanges that the profile lets trade, as charges tell them apart."""
    found = set()
    for kind in allowed.kinds:
        for exchange in exchanges_of(allowed.underlyings, [kind]):
            symbol = InstrumentKey(f"{exchange}:X{kind if kind in DERIVATIVES else ''}")
            found.add((segment_of(symbol, Product.MIS), exchange_of(symbol)))
    return sorted(found)
