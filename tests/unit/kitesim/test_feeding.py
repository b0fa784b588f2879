"""A market that follows somebody: pushed quotes and recorded ticks."""

import sys
import types
from pathlib import Path

import pytest

from kitesim.errors import ConfigInvalid
from kitesim.market.feeding import FedDepth, FedLevel, FedTick, replay

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
    ("rows", "word"),
    [
        ("instrument,last_price\nNSE:INFY,1\n", "time"),
        ("time,instrument,last_price\nyesterday,NSE:INFY,1\n", "row 1"),
        ("time,instrument,last_price\n1795405503,NSE:INFY,-1\n", "last_price"),
    ],
)
def test_a_bad_recording_is_explained(tmp_path: Path, rows: str, word: str) -> None:
    """The message names the file, the row and what is wrong."""
    file = tmp_path / "ticks.csv"
    file.write_text(rows)
    with pytest.raises(ConfigInvalid, match=word):
        list(replay(file))


def test_a_missing_recording_is_explained(tmp_path: Path) -> None:
    """Before the exchange starts, not at the first tick."""
    with pytest.raises(ConfigInvalid, match="no such file"):
        replay(tmp_path / "none.csv")


def test_parquet_is_an_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without its reader the message says what to install; with it rows come as from CSV."""
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(ConfigInvalid, match=r"kitesim\[parquet\]"):
        replay(tmp_path / "ticks.parquet")
    rows = [{"time": 1795405501 * 10**9, "instrument": "NSE:INFY", "last_price": 1500.0, "quantity": None}]
    batch = types.SimpleNamespace(to_pylist=lambda: rows)
    reader = types.ModuleType("pyarrow.parquet")
    reader.ParquetFile = lambda path: types.SimpleNamespace(iter_batches=lambda: [batch])  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", reader)
    assert list(replay(tmp_path / "ticks.parquet")) == [
        (1795405501 * 10**9, FedTick(instrument="NSE:INFY", last_price=1500.0))
    ]
