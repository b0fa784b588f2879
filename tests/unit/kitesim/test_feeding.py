"""A market that follows somebody: pushed quotes and recorded ticks."""

import importlib
import sys
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from kitesim.clocks import IST
from kitesim.errors import ConfigInvalid
from kitesim.market.feeding import FedDay, FedDepth, FedLevel, FedTick, inspect, replay

from .conftest import FUTURE, Floor

INDEX, CALL = "NSE:NIFTY 50", "NFO:NIFTY26DEC24000CE"


def test_a_fed_instrument_walks_no_more(floor: Floor) -> None:
    """It stays where it was put until the next quote; what is priced on it follows, the rest walks on."""
    call = floor.quote(CALL).last
    floor.simulator.feed([FedTick(instrument=INDEX, last_price=24_500.0)])
    floor.let_pass(30)
    assert floor.quote(INDEX).last == 24_500_00
    assert floor.quote(FUTURE).last == pytest.approx(24_500_00 * 1.0064, rel=0.001)
    assert floor.quote(CALL).last > call + 200_00
    share = floor.quote("NSE:INFY").last
    floor.let_pass(30)
    assert floor.quote("NSE:INFY").last != share


def test_pushed_depth_fills_orders(floor: Floor) -> None:
    """The book is the pushed one, and an order takes what stands there and no more."""
    depth = FedDepth(buy=[FedLevel(price=1499.9, quantity=10)], sell=[FedLevel(price=1500.1, quantity=4, orders=2)])
    floor.simulator.feed([FedTick(instrument="NSE:INFY", last_price=1500.0, depth=depth, volume=900)])
    quote = floor.quote("NSE:INFY")
    assert [(level.price, level.quantity) for level in quote.book.asks] == [(1500_10, 4)]
    assert quote.volume == 900
    order = floor.place("BUY", 10, key="NSE:INFY", product="CNC", order_type="LIMIT", price=1500.1)
    floor.settle()
    assert (order.filled, order.pending) == (4, 6)


def test_a_pushed_option_leaves_its_model(floor: Floor) -> None:
    """Its index moves, and the option stays at the pushed price."""
    floor.simulator.feed([FedTick(instrument=CALL, last_price=123.45, oi=5000)])
    floor.simulator.force_price(INDEX, 24_300.0, 0)
    floor.let_pass(5)
    quote = floor.quote(CALL)
    assert (quote.instrument.is_option, quote.oi) == (True, 5000)
    floor.simulator.feed([FedTick(instrument=CALL, last_price=130.0)])
    assert floor.quote(CALL).last == 130_00


ROWS = """time,instrument,last_price,quantity,bid,bid_quantity,ask,ask_quantity
2026-11-23T09:15:01+05:30,NSE:INFY,1501.00,10,1500.90,7,1501.10,8
2026-11-23 09:15:02,NSE:INFY,1502.00,,,,,
1795405503,NSE:NOSUCH,1,,,,,
1795405503500,NSE:INFY,1503.00,5,,,,
"""


def test_a_recording_is_replayed_at_its_times(tmp_path: Path) -> None:
    """Ticks come when market time reaches them; what the master does not have is left out."""
    file = tmp_path / "ticks.csv"
    file.write_text(ROWS)
    floor = Floor(replay=str(file))
    floor.let_pass(1)
    quote = floor.quote("NSE:INFY")
    assert (quote.last, quote.last_quantity) == (1501_00, 10)
    assert [level.price for level in quote.book.bids] == [1500_90]
    floor.let_pass(1)
    assert quote.last == 1502_00
    floor.let_pass(1)
    assert quote.last == 1502_00
    floor.let_pass(1)
    assert quote.last == 1503_00
    assert [entry["kind"] for entry in floor.simulator.log.entries()].count("replay_ended") == 1


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ("instrument,last_price\nNSE:INFY,1\n", ("line 2", "'time'")),
        ("time,instrument,last_price\nyesterday,NSE:INFY,1\n", ("line 2", "time", "yesterday")),
        ("time,instrument,last_price\n1795405503,NSE:INFY,1\n1795405504,NSE:INFY,-1\n", ("line 3", "last_price", "-1")),
        ("time,instrument,last_price\n1795405503,NSE:INFY,\n", ("line 2", "last_price")),
        ("time,instrument,last_price\n1795405503,NSE:INFY,1\n1795405502,NSE:INFY,1\n", ("line 3", "order of time")),
        ("time,instrument,last_price,oi\n1795405503,NSE:INFY,1,many\n", ("line 2", "oi", "many")),
        ("time,instrument,last_price\n1e400,NSE:INFY,1\n", ("line 2", "time")),
        ('time,instrument,last_price\n1795405503,"NSE:INFY,1\n', ("no CSV",)),
    ],
)
def test_a_bad_recording_is_refused_before_the_market_starts(tmp_path: Path, rows: str, words: tuple[str, ...]) -> None:
    """The message names the file, the line and what is wrong, however far down it stands."""
    file = tmp_path / "ticks.csv"
    file.write_text(rows)
    with pytest.raises(ConfigInvalid) as refusal:
        Floor(replay=str(file))
    for word in ("ticks.csv", *words):
        assert word in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_recording_of_another_alphabet_is_refused(tmp_path: Path) -> None:
    """Bytes that are no UTF-8 are no CSV."""
    file = tmp_path / "ticks.csv"
    file.write_bytes(b"time,instrument,last_price\n\xff\xfe,NSE:INFY,1\n")
    with pytest.raises(ConfigInvalid, match="UTF-8"):
        inspect(file)


def test_a_missing_recording_is_explained(tmp_path: Path) -> None:
    """Before the exchange starts, not at the first tick."""
    for name in ("none.csv", "none.parquet"):
        with pytest.raises(ConfigInvalid, match=name):
            inspect(tmp_path / name)


def test_parquet_is_an_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without its reader the message says what to install."""
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(ConfigInvalid, match=r"kitesim\[parquet\]"):
        replay(tmp_path / "ticks.parquet")


def parquet(file: Path, **columns: list[object]) -> Path:
    pyarrow = importlib.import_module("pyarrow")
    importlib.import_module("pyarrow.parquet").write_table(pyarrow.table(columns), file)
    return file


def test_parquet_is_replayed_like_csv(tmp_path: Path) -> None:
    """Real files of the real library: whole numbers, floats and timestamps as times, absent values as nulls."""
    start = datetime(2026, 11, 23, 9, 15, 1, tzinfo=IST)
    times: dict[str, list[object]] = {
        "numbers": [int(start.timestamp()), int(start.timestamp()) + 2],
        "milliseconds": [int(start.timestamp()) * 1000, int(start.timestamp()) * 1000 + 2000],
        "stamps": [start, start + timedelta(seconds=2)],
        "texts": ["2026-11-23T09:15:01+05:30", "2026-11-23 09:15:03"],
    }
    for name, moments in times.items():
        columns: dict[str, list[object]] = {"instrument": ["NSE:INFY"] * 2, "last_price": [1501.0, 1503.0]}
        columns |= {"time": moments, "quantity": [10, None], "bid": [1500.9, None], "bid_quantity": [70, None]}
        file = parquet(tmp_path / f"{name}.parquet", **columns)
        assert inspect(file).ticks == 2
        floor = Floor(replay=str(file), strikes=0)
        quote = floor.quote("NSE:INFY")
        floor.let_pass(1)
        assert (quote.last, quote.last_quantity, quote.book.bids[0].price) == (1501_00, 10, 1500_90)
        floor.let_pass(2)
        assert quote.last == 1503_00


def test_a_bad_row_of_parquet_is_named(tmp_path: Path) -> None:
    """By its number; a file that is none is refused as such."""
    columns: dict[str, list[object]] = {"time": [1795405503, 1795405504], "instrument": ["NSE:INFY", None]}
    file = parquet(tmp_path / "ticks.parquet", **columns, last_price=[1.0, 2.0])
    with pytest.raises(ConfigInvalid, match=r"ticks.parquet, row 2: instrument"):
        Floor(replay=str(file))
    (tmp_path / "none.parquet").write_bytes(b"PAR1 and not more")
    with pytest.raises(ConfigInvalid, match="cannot be read"):
        inspect(tmp_path / "none.parquet")


def test_a_mirror_tells_the_day_too(floor: Floor) -> None:
    """Open, high, low, yesterday's close, volume and limits are those of the quote, not of the seeded path."""
    floor.let_pass(5)
    floor.simulator.feed([FedTick(instrument="NSE:INFY", last_price=1700.0, volume=5000)])
    quote = floor.quote("NSE:INFY")
    assert (quote.open, quote.high, quote.low, quote.volume) == (1700_00, 1700_00, 1700_00, 5000)
    day = FedDay(open=1695.0, high=1712.0, low=1690.0, close=1688.0)
    tick = FedTick(instrument="NSE:INFY", last_price=1701.0, quantity=7, volume=5100, ohlc=day, average_price=1699.5)
    floor.simulator.feed([tick])
    assert (quote.open, quote.high, quote.low, quote.close) == (1695_00, 1712_00, 1690_00, 1688_00)
    assert (quote.volume, quote.last_quantity, quote.average) == (5100, 7, 1699_50)
    assert quote.lower_circuit == pytest.approx(1688_00 * 0.9, rel=0.001)
    floor.simulator.feed(
        [FedTick(instrument="NSE:INFY", last_price=1702.0, lower_circuit_limit=1600.0, upper_circuit_limit=1800.0)]
    )
    assert (quote.close, quote.lower_circuit, quote.upper_circuit) == (1688_00, 1600_00, 1800_00)
    floor.simulator.feed([FedTick(instrument="NSE:INFY", last_price=1720.0)])
    assert (quote.high, quote.open) == (1720_00, 1695_00)
