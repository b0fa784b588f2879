"""The instrument master is right for any date."""

import csv
import io
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kitesim.calendars import load_calendar
from kitesim.market.content import load_instruments
from kitesim.market.instruments import Master
from kitesim.market.master import build_master, index_future_tick, listed_expiries, weekly_expiries

CALENDAR = load_calendar("nse")
CONTENT = load_instruments()
MONDAY = date(2026, 11, 23)
SEGMENTS = {"INDICES": 9, "NSE": 1, "NFO-FUT": 2, "NFO-OPT": 2, "BFO-FUT": 5, "BFO-OPT": 5}


def master_of(day: date, strikes: int = 3) -> Master:
    """Return the master of a day with a few strikes."""
    return build_master(CONTENT, CALENDAR, day, strikes=strikes)


def test_well_known_tokens_are_kites_own() -> None:
    """Indices and shares carry the tokens of the real dump; every token holds its segment in the low byte."""
    master = master_of(MONDAY)
    known = {"NSE:NIFTY 50": 256265, "NSE:NIFTY BANK": 260105, "NSE:NIFTY FIN SERVICE": 257801, "BSE:SENSEX": 265}
    known |= {"NSE:INFY": 408065, "NSE:RELIANCE": 738561}
    assert {key: master.by_key[key].token for key in known} == known
    assert all(row.token & 0xFF == SEGMENTS[row.segment] for row in master)
    assert all(row.token == row.exchange_token * 256 + SEGMENTS[row.segment] < 1 << 32 for row in master)


def test_three_months_of_index_futures_are_listed() -> None:
    """Lots, freeze quantities and ticks are the exchange's; the current expiry moves before a holiday."""
    master = master_of(MONDAY)
    futures = [row for row in master if row.instrument_type == "FUT"]
    assert {(row.exchange, row.name, row.lot, row.freeze, row.tick) for row in futures} == {
        ("NFO", "NIFTY", 65, 1800, 10),
        ("NFO", "BANKNIFTY", 30, 600, 20),
        ("NFO", "FINNIFTY", 60, 1800, 10),
        ("NFO", "MIDCPNIFTY", 120, 2800, 5),
        ("NFO", "NIFTYNXT50", 25, 600, 20),
        ("BFO", "SENSEX", 20, 1000, 20),
        ("BFO", "BANKEX", 30, 900, 20),
    }
    # The last Tuesday of November 2026 is a holiday, so the contract ends on the Monday.
    expiries = {row.symbol: row.expiry for row in futures if row.name == "NIFTY"}
    assert expiries == {
        "NIFTY26NOVFUT": date(2026, 11, 23),
        "NIFTY26DECFUT": date(2026, 12, 29),
        "NIFTY27JANFUT": date(2027, 1, 26),
    }


def test_chains_are_weekly_on_two_indices_and_monthly_on_all() -> None:
    """NIFTY ends on Tuesdays, SENSEX on Thursdays; a week that ends a month bears the month's name."""
    master = master_of(MONDAY)
    ends = {
        name: sorted({row.expiry for row in master if row.name == name and row.is_option and row.expiry})
        for name in ("NIFTY", "SENSEX", "BANKNIFTY")
    }
    assert ends["NIFTY"][:4] == [date(2026, 11, 23), date(2026, 12, 1), date(2026, 12, 8), date(2026, 12, 15)]
    assert ends["SENSEX"][:4] == [date(2026, 11, 26), date(2026, 12, 3), date(2026, 12, 10), date(2026, 12, 17)]
    assert ends["BANKNIFTY"] == [date(2026, 11, 23), date(2026, 12, 29), date(2027, 1, 26)]
    for key in (
        *("NFO:NIFTY26NOV24000CE", "NFO:NIFTY26D0124000PE", "NFO:NIFTY26DEC24000CE"),
        *("BFO:SENSEX26NOV79000CE", "BFO:SENSEX26D0379000PE", "NFO:BANKNIFTY26DEC58000CE"),
    ):
        assert key in master.by_key
    option = master.by_key["NFO:NIFTY26D0124000PE"]
    assert (option.strike, option.lot, option.freeze, option.tick) == (24_000_00, 65, 1800, 5)
    strikes = {row.strike for row in master if row.name == "NIFTY" and row.expiry == date(2026, 12, 1)}
    assert strikes == {(24_000 + 50 * step) * 100 for step in range(-3, 4)}


@pytest.mark.parametrize(
    ("day", "name", "lots", "freeze"),
    [
        (date(2025, 10, 6), "BANKNIFTY", [35, 35, 35], 900),
        (date(2025, 11, 10), "BANKNIFTY", [35, 35, 30], 600),
        (date(2026, 5, 4), "BANKNIFTY", [30, 30, 30], 900),
        (date(2025, 12, 29), "FINNIFTY", [65, 60, 60], 1200),
        (date(2026, 8, 3), "NIFTY", [65, 65, 65], 1800),
    ],
)
def test_lots_and_freeze_quantities_are_those_of_the_day(day: date, name: str, lots: list[int], freeze: int) -> None:
    """The lot belongs to the series, the freeze quantity to the day."""
    rows = [row for row in master_of(day, 0) if row.name == name and row.instrument_type == "FUT"]
    assert [row.lot for row in rows] == lots
    assert {row.freeze for row in rows} == {freeze}


@settings(deadline=None)
@given(day=st.dates(date(2020, 1, 1), date(2035, 12, 31)))
def test_the_master_is_sound_on_any_date(day: date) -> None:
    """Tokens and symbols are unique, expiries are trading days from today on, and a contract keeps its token."""
    master = master_of(day)
    for row in master:
        assert row.reference_price % row.tick == 0
        if row.expiry is not None:
            assert row.expiry >= day
            assert CALENDAR.is_trading_day(row.expiry)
            assert row.freeze >= row.lot
    later = master_of(listed_expiries(CALENDAR, day, 1)[0])
    assert master.by_key.keys() & later.by_key.keys()
    assert all(later.by_key[key].token == row.token for key, row in master.by_key.items() if key in later.by_key)


def test_a_new_day_lists_strikes_where_the_index_stands_and_keeps_the_old() -> None:
    """What expired is gone, what was listed stays, and new strikes are around the new level."""
    before = master_of(date(2026, 11, 23))
    after = build_master(CONTENT, CALENDAR, date(2026, 11, 25), strikes=3, levels={"NIFTY 50": 24_500.0}, before=before)
    assert "NFO:NIFTY26NOV24000CE" in before.by_key
    assert "NFO:NIFTY26NOV24000CE" not in after.by_key
    assert after.by_key["NFO:NIFTY26DEC24000CE"] == before.by_key["NFO:NIFTY26DEC24000CE"]
    assert "NFO:NIFTY26DEC24650PE" in after.by_key
    assert next(iter(after)).is_index


def test_a_holiday_moves_a_week_to_the_day_before() -> None:
    """2026-03-03 was a Tuesday and a holiday."""
    assert weekly_expiries(CALENDAR, date(2026, 2, 26), 1)[0] == date(2026, 3, 2)


def test_the_dump_is_a_csv_of_kites_columns() -> None:
    """A row for each instrument; options carry strike, expiry, kind and segment."""
    rows = list(csv.DictReader(io.StringIO(master_of(MONDAY).dump("BFO"))))
    assert {row["exchange"] for row in rows} == {"BFO"}
    option = next(row for row in rows if row["tradingsymbol"] == "SENSEX26NOV79000CE")
    assert (option["strike"], option["lot_size"], option["tick_size"]) == ("79000.0", "20", "0.05")
    assert (option["instrument_type"], option["segment"], option["expiry"]) == ("CE", "BFO-OPT", "2026-11-26")


@pytest.mark.parametrize(("level", "tick"), [(15_000, 5), (15_001, 10), (30_000, 10), (30_001, 20)])
def test_the_tick_of_an_index_future_follows_its_level(level: float, tick: int) -> None:
    """NSE's slabs since April 2025."""
    assert index_future_tick(level) == tick
