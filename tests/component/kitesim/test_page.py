"""A real browser shows the market, the book and the live log."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from ops.captures.browsers import QUIETLY, chromium

from .conftest import FUTURE, Exchange, eventually

pytestmark = [pytest.mark.component, pytest.mark.timeout(420)]


@pytest.fixture(scope="module", name="chromium")
def installed_chromium() -> str:
    """The browser's path; installed where it is not there and that is allowed."""
    return chromium()


def seen(browser: str, url: str, profile: Path) -> str:
    """Return the page as the browser has built it after some seconds of its own time."""
    command = [browser, *QUIETLY, f"--user-data-dir={profile}", "--virtual-time-budget=4000", "--dump-dom", url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return done.stdout


def test_a_browser_shows_market_book_and_log(
    make_exchange: Callable[..., Exchange], chromium: str, tmp_path: Path
) -> None:
    """Prices, depth, the user's order and position, his money, and the log entry of the acceptance."""
    exchange = make_exchange()
    kite = exchange.client()
    kite.place_order("regular", "NFO", FUTURE, "BUY", 65, "NRML", "MARKET", market_protection=-1, tag="BROWSER1")
    eventually(lambda: kite.orders()[-1]["status"] == "COMPLETE")
    page = seen(chromium, exchange.url, tmp_path)
    for text in ("NSE:NIFTY 50", f"NFO:{FUTURE}", "Depth · ", "BROWSER1", "COMPLETE", "order_accepted", "available ₹"):
        assert text in page
    assert ">nothing yet<" not in page
    assert "connecting…" not in page


def test_a_browser_shows_why_and_what_hour_it_is(
    make_exchange: Callable[..., Exchange], chromium: str, tmp_path: Path
) -> None:
    """The words of a refusal stand beside the order, and the phase of each session beside the clock."""
    exchange = make_exchange(market="nse", start="15:21:00", speed=0, funds=1000)
    kite = exchange.client()
    kite.place_order("regular", "NSE", "INFY", "BUY", 100, "CNC", "LIMIT", price=1550.0, tag="POOR1")
    eventually(lambda: kite.orders()[-1]["status"] == "REJECTED")
    page = seen(chromium, exchange.url, tmp_path)
    for text in ("REJECTED: Insufficient funds. Required margin is", "NSE-CAS auction, others continuous"):
        assert text in page


def test_what_a_client_wrote_is_text_in_the_page(exchange: Exchange, chromium: str, tmp_path: Path) -> None:
    """A request with markup in its path ends in the log as characters, not as an element."""
    kite = exchange.client()
    kite.reqsession.get(f"{exchange.url}/<img src=x onerror=document.title=1>", timeout=15)
    page = seen(chromium, exchange.url, tmp_path)
    assert "<img" not in page
    assert "<title>kitesim</title>" in page
