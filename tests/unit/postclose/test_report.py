"""The report says what the figures say, in a page that loads nothing."""

from html.parser import HTMLParser

import pytest

from ops.postclose.day import of_date
from ops.postclose.report import MOST_TRADES, Provenance, as_html, as_text, headline, rupees
from tests.unit.postclose.facts import DATE, INTENT, KILL, OPENED, changed, ordered, planned, won
from trader.domain.records import Record
from trader.domain.values import IntentId, Leg, OrderStatus

MADE = Provenance("index-intraday", "AB1234", "3f" * 32, "a1" * 20, ("tradeops/trader@sha256:00",), "Own", 12, 2)
GOOD = of_date([OPENED, *won(INTENT, 1)], DATE)


@pytest.mark.parametrize(
    ("paise", "text"),
    [
        (0, "₹0.00"),
        (99, "₹0.99"),
        (-123_456_789, "-₹12,34,567.89"),
        (100_000, "₹1,000.00"),
        (10_000_000, "₹1,00,000.00"),
    ],
)
def test_money_is_grouped_as_in_india(paise: int, text: str) -> None:
    """To the paisa, without a float."""
    assert rupees(paise) == text


def test_the_headline_is_the_worst_that_is_true() -> None:
    """Open positions before a standing kill before something to look at."""
    held: list[Record] = [planned(INTENT, 1), ordered(INTENT, Leg.ENTRY, 1)]
    held.append(changed(INTENT, Leg.ENTRY, 1, OrderStatus.COMPLETE, 65, 2_400_000))
    assert headline(GOOD)[0] == "good"
    assert headline(of_date([OPENED, KILL], DATE)) == (
        "look",
        "Flat. Kill kill-1a2b stands: nothing trades until it is released",
    )
    assert headline(of_date([OPENED, *held, KILL], DATE)) == ("bad", "1 positions are still open")


def test_text_and_page_tell_the_same() -> None:
    """Profit, charges and what it ran with stand in both."""
    for said in (as_text(GOOD, MADE), as_html(GOOD, MADE)):
        assert all(
            each in said for each in ("+₹12,900.00", "₹100.00", "+0.26%", "NIFTY26DECFUT", "3f3f3f3f3f", "12 rows")
        )


def test_the_page_is_well_formed_and_loads_nothing() -> None:
    """What people wrote is escaped; no script, no image, no style sheet from elsewhere."""
    evil = changed(INTENT, Leg.ENTRY, 1, OrderStatus.REJECTED, message="<script>alert(1)</script>")
    page = as_html(of_date([OPENED, planned(INTENT, 1), ordered(INTENT, Leg.ENTRY, 1), evil], DATE), MADE)
    tags: list[str] = []
    parser = HTMLParser()
    parser.handle_starttag = lambda tag, attrs: tags.append(tag)  # type: ignore[method-assign]
    parser.feed(page)
    assert {"script", "img", "link", "iframe"}.isdisjoint(tags)
    assert "&lt;script&gt;" in page


def test_a_long_day_is_cut_and_says_so() -> None:
    """Two minutes to read: the rest is in the archive."""
    facts = [each for number in range(MOST_TRADES + 5) for each in won(IntentId(f"B4EHRN{number:02d}"), number)]
    assert "and 5 more in the archive" in as_text(of_date([OPENED, *facts], DATE), MADE)


def test_unknown_denials_are_not_called_none() -> None:
    """A trader that is gone took its counters with it: that is said."""
    gone = Provenance("s", "a", "c", "g", (), "Own", 0, 0, metrics="http://x does not answer")
    assert "unknown: http://x does not answer" in as_text(GOOD, gone)
