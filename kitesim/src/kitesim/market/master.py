"""The instrument master of any date: indices, their futures and option chains, and shares.

The same contract has the same token on every day it is listed: exchange tokens derive from underlying, expiry, strike
and kind. Names of contracts: https://kite.trade/docs/connect/v3/market-quotes/#instruments and the dump itself; a
weekly option carries year, month (1-9, O, N, D) and day, a monthly one year and month.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date, timedelta

from kitesim.calendars import Calendar
from kitesim.market.content import DerivativeRow, EquityRow, IndexRow, InstrumentFile
from kitesim.market.instruments import SEGMENT_BFO, SEGMENT_NFO, Instrument, Master

# NSE lists three monthly index futures: current, next and far; options of as many months.
LISTED_MONTHS = 3
LISTED_WEEKS = 4
# Simple carry of an index future over its index, per year.
CARRY_PER_YEAR = 0.065
# NSE, options: https://www.nseindia.com, contract specifications.
_OPTION_TICK = 5
_FIRST_FUTURE_TOKEN = 35_000
_FIRST_OPTION_TOKEN = 1 << 23
_SEGMENTS = {"NFO": SEGMENT_NFO, "BFO": SEGMENT_BFO}
_MONTHS = "123456789OND"
_LAST_DAYS = 5


def equity_tick(rupees: float) -> int:
    """Return the tick in paise of a share: NSE's slabs since 2025-04-15."""
    for below, tick in ((250, 1), (1000.005, 5), (5000.005, 10), (10_000.005, 50), (20_000.005, 100)):
        if rupees < below:
            return tick
    return 500


def index_future_tick(rupees: float) -> int:
    """Return the tick in paise of an index future: NSE's slabs since 2025-04-15."""
    return 5 if rupees <= 15_000 else 10 if rupees <= 30_000 else 20


def listed_expiries(calendar: Calendar, day: date, weekday: int) -> list[date]:
    """Return the monthly expiries that are listed on this day, nearest first."""
    expiries: list[date] = []
    year, month = day.year, day.month
    while len(expiries) < LISTED_MONTHS:
        expiry = calendar.monthly_expiry(year, month, weekday)
        if expiry >= day:
            expiries.append(expiry)
        year, month = (year, month + 1) if month < 12 else (year + 1, 1)
    return expiries


def weekly_expiries(calendar: Calendar, day: date, weekday: int) -> list[date]:
    """Return the expiries of the next weeks, nearest first; a holiday moves one to the trading day before."""
    nominal = day + timedelta(days=(weekday - day.weekday()) % 7)
    expiries: list[date] = []
    while len(expiries) < LISTED_WEEKS:
        expiry = calendar.trading_day_on_or_before(nominal)
        if expiry >= day:
            expiries.append(expiry)
        nominal += timedelta(days=7)
    return expiries


def carry(day: date, expiry: date) -> float:
    """Return the fraction by which a future stands above its index."""
    return CARRY_PER_YEAR * max((expiry - day).days, 0) / 365


def future_symbol(name: str, expiry: date) -> str:
    """Return `NIFTY26DECFUT`."""
    return f"{name}{expiry:%y%b}FUT".upper()


def option_symbol(name: str, expiry: date, strike: int, kind: str, is_monthly: bool) -> str:
    """Return `NIFTY26DEC24000CE`, or of a week `NIFTY26D0824000CE`; the strike is in rupees."""
    when = f"{expiry:%y%b}".upper() if is_monthly else f"{expiry:%y}{_MONTHS[expiry.month - 1]}{expiry:%d}"
    return f"{name}{when}{strike}{kind}"


def build_master(
    content: InstrumentFile,
    calendar: Calendar,
    day: date,
    *,
    strikes: int = 0,
    levels: Mapping[str, float] | None = None,
    before: Master | None = None,
) -> Master:
    """Return all instruments of a day, indices first, so that what follows them finds them moved.

    `strikes`: how many option strikes are listed on each side of the index, 0 for no options. `levels`: where the
    indices stand, in rupees. `before`: the master of the day before; what it lists stays until it expires.
    """
    stands = {row.symbol: row.price for row in content.indices} | dict(levels or {})
    fresh: dict[str, Instrument] = {}
    for made in _all(content, calendar, day, strikes, stands):
        fresh[made.key] = made
    if before is None:
        return Master(day, fresh.values())
    freezes = {row.name: row.freeze(day) for row in content.derivatives}
    kept = {
        row.key: replace(row, freeze=freezes.get(row.name, row.freeze), session=_session(row, fresh))
        if row.is_derivative
        else row
        for row in before
        if row.expiry is None or row.expiry >= day
    }
    return Master(day, [*kept.values(), *(row for key, row in fresh.items() if key not in kept)])


def _session(row: Instrument, fresh: Mapping[str, Instrument]) -> str:
    return fresh[row.key].session if row.key in fresh else row.session


def _all(
    content: InstrumentFile, calendar: Calendar, day: date, strikes: int, levels: Mapping[str, float]
) -> Iterator[Instrument]:
    yield from (_index(row) for row in content.indices)
    months = {row.name: listed_expiries(calendar, day, row.expiry_weekday) for row in content.derivatives}
    for row in content.derivatives:
        early = _with_pre_open(calendar, day, months[row.name])
        for number, expiry in enumerate(months[row.name]):
            session = f"{row.exchange}-PRE" if number < early else row.exchange
            yield _future(row, expiry, levels[row.index], day, session)
    yield from (_equity(row) for row in content.equities)
    if strikes:
        for row in content.derivatives:
            weeks = weekly_expiries(calendar, day, row.expiry_weekday) if row.weekly else []
            for expiry in sorted({*months[row.name], *weeks}):
                is_monthly = expiry == calendar.monthly_expiry(expiry.year, expiry.month, row.expiry_weekday)
                yield from _chain(row, (expiry, is_monthly), levels[row.index], day, strikes)


def _with_pre_open(calendar: Calendar, day: date, expiries: list[date]) -> int:
    """Return how many of the nearest futures have a pre-open auction: one, and two in the last five trading days.

    NSE circular FAOP71092.
    """
    return 2 if calendar.trading_days(day, expiries[0]) <= _LAST_DAYS else 1


def _index(row: IndexRow) -> Instrument:
    return Instrument(
        token=row.token,
        symbol=row.symbol,
        name=row.symbol,
        exchange=row.exchange,
        segment="INDICES",
        instrument_type="EQ",
        tick=5,
        lot=1,
        freeze=0,
        reference_price=round(row.price * 100),
        path=row.symbol,
        session=row.exchange,
    )


def _future(row: DerivativeRow, expiry: date, level: float, day: date, session: str) -> Instrument:
    tick = index_future_tick(level)
    months = (expiry.year - 2000) * 12 + expiry.month
    exchange_token = _FIRST_FUTURE_TOKEN + months % 240 * 40 + row.number
    return Instrument(
        token=exchange_token * 256 + _SEGMENTS[row.exchange],
        symbol=future_symbol(row.name, expiry),
        name=row.name,
        exchange=row.exchange,
        segment=f"{row.exchange}-FUT",
        instrument_type="FUT",
        tick=tick,
        lot=row.lot(expiry),
        freeze=row.freeze(day),
        reference_price=round(level * (1 + carry(day, expiry)) * 100 / tick) * tick,
        path=row.index,
        session=session,
        expiry=expiry,
    )


def _chain(
    row: DerivativeRow, expiry: tuple[date, bool], level: float, day: date, strikes: int
) -> Iterator[Instrument]:
    """Yield the calls and puts of one expiry around the level."""
    end, is_monthly = expiry
    middle = round(level / row.strike_step)
    # Weeks are counted by the nominal expiry day, which no holiday moves into another week's place.
    week = (end + timedelta(days=(row.expiry_weekday - end.weekday()) % 7)).toordinal() // 7 % 512
    for number in range(max(middle - strikes, 1), middle + strikes + 1):
        strike = number * row.strike_step
        for is_put, kind in enumerate(("CE", "PE")):
            place = ((week * 8 + row.number) * 1024 + number % 1024) * 2 + is_put
            yield Instrument(
                token=(_FIRST_OPTION_TOKEN + place) * 256 + _SEGMENTS[row.exchange],
                symbol=option_symbol(row.name, end, strike, kind, is_monthly),
                name=row.name,
                exchange=row.exchange,
                segment=f"{row.exchange}-OPT",
                instrument_type=kind,
                tick=_OPTION_TICK,
                lot=row.lot(end),
                freeze=row.freeze(day),
                reference_price=0,
                path=row.index,
                session=row.exchange,
                expiry=end,
                strike=strike * 100,
            )


def _equity(row: EquityRow) -> Instrument:
    return Instrument(
        token=row.token,
        symbol=row.symbol,
        name=row.name,
        exchange="NSE",
        segment="NSE",
        instrument_type="EQ",
        tick=equity_tick(row.price),
        lot=1,
        freeze=0,
        reference_price=round(row.price * 100),
        path=row.symbol,
        session=row.session,
    )
