"""The picture of the dashboard shows what Prometheus answered: its values, its gaps, and the dashboard's own thresholds."""

import re
from html import escape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from ops.captures.__main__ import IMAGES, LONGEST_BYTES
from ops.captures.dashboards import BAD, FIXED, GOOD, named, page, shown, ticks_of
from ops.dashboards import first_hour

BOARD = first_hour.dashboard()
AT, WINDOW = 1_000_000.0, 300.0


def answers(**given: list[dict[str, Any]]) -> dict[str, Any]:
    """An answer to every panel: these by title, of the others nothing."""
    panels = [
        [
            {"legend": target["legendFormat"], "result": given.get(panel["title"], [])}
            for target in panel.get("targets", ())
        ]
        for panel in BOARD["panels"]
    ]
    return {"at": AT, "window": WINDOW, "panels": panels}


def instant(value: str, **labels: str) -> list[dict[str, Any]]:
    """One sample."""
    return [{"metric": labels, "value": [AT, value]}]


def series(*points: tuple[float, str]) -> list[dict[str, Any]]:
    """One line."""
    return [{"metric": {"bucket": "future"}, "values": [[AT - WINDOW + at, value] for at, value in points]}]


def panel(html: str, title: str) -> str:
    """What stands in a panel."""
    (found,) = re.findall(rf"<section[^>]*><h3>{re.escape(title)}</h3>(.*?)</section>", html, re.DOTALL)
    return str(found)


def test_every_panel_of_the_dashboard_is_on_the_page_and_nothing_is_loaded() -> None:
    """With its title; without an answer it says so, as Grafana does."""
    html = page(BOARD, answers(), "from <here>")
    for each in BOARD["panels"]:
        assert escape(each["title"]) in html
    assert "No data" in panel(html, "How old are the prices?")
    assert "from &lt;here&gt;" in html
    tags: list[str] = []
    parser = HTMLParser()
    parser.handle_starttag = lambda tag, attrs: tags.append(tag)  # type: ignore[method-assign]
    parser.feed(html)
    assert {"script", "img", "link", "iframe"}.isdisjoint(tags)


@pytest.mark.parametrize(("value", "colour"), [("0", "#2f7d32"), ("1", "#c4162a")])
def test_a_figure_is_red_from_its_alerts_threshold_on(value: str, colour: str) -> None:
    """The dashboard's own, as it stands in the file."""
    html = page(BOARD, answers(**{"Orders twice?": instant(value)}), "")
    assert f"background:{colour}" in panel(html, "Orders twice?")
    assert f">{value}</div>" in panel(html, "Orders twice?")


def test_a_state_is_shown_by_its_name() -> None:
    """The value of that query is always 1."""
    html = page(BOARD, answers(**{"What does it do?": instant("1", state="LIVE")}), "")
    assert ">LIVE</div>" in panel(html, "What does it do?")


@pytest.mark.parametrize(
    ("state", "colour"),
    [("halted", BAD), ("reducing", FIXED["orange"]), ("recovering", FIXED["orange"]), ("live", GOOD), ("paper", GOOD)],
)
def test_a_state_has_the_colour_of_what_it_means(state: str, colour: str) -> None:
    """The value is 1 in each of them: halted is red, and without new risk is amber."""
    html = page(BOARD, answers(**{"What does it do?": instant("1", state=state)}), "")
    assert f"background:{colour};" in panel(html, "What does it do?")


def test_nothing_is_drawn_where_nothing_was_measured() -> None:
    """A gap splits a line, and what is no number is left out."""
    points = [(0.0, "1"), (1.0, "2"), (2.0, "NaN"), (10.0, "3"), (11.0, "4")]
    html = page(BOARD, answers(**{"How old are the prices?": series(*points)}), "")
    lines = re.findall(r'points="([^"]+)"', panel(html, "How old are the prices?"))
    assert [len(line.split()) for line in lines] == [2, 2]
    assert "stroke-dasharray" in panel(html, "How old are the prices?"), "the alert's threshold"


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.0123, "percentunit", "1.23%"),
        (0.25, "s", "250 ms"),
        (12.34, "s", "12.3 s"),
        (-502_941, "currencyINR", "₹-503 K"),
        (1_500_000, "none", "1.5 M"),
        (7, "none", "7"),
        (float("nan"), "none", "-"),
    ],
)
def test_values_are_shown_in_their_unit(value: float, unit: str, text: str) -> None:
    """As short as they can be read."""
    assert shown(value, unit) == text


@pytest.mark.parametrize(("low", "high"), [(0, 0), (0, 1), (0, 72), (-502_941, 74_000), (0, 0.0031), (-5, 0)])
def test_an_axis_holds_all_values_between_round_numbers(low: float, high: float) -> None:
    """Few enough to be read."""
    ticks = ticks_of(low, high)
    assert ticks[0] <= low <= high < ticks[-1]
    assert 2 <= len(ticks) <= 9


def test_a_series_is_named_by_its_legend() -> None:
    """Labels in their places."""
    assert named("{{operation}} {{outcome}}", {"operation": "place", "outcome": "accepted"}) == "place accepted"
    assert named("__auto", {"a": "b"}) == ""


@pytest.mark.parametrize("path", sorted(IMAGES.iterdir()), ids=lambda path: str(path.name))
def test_every_capture_is_shown_and_small(path: Path) -> None:
    """A picture that no page shows is not kept."""
    readme = (IMAGES.parents[1] / "README.md").read_text()
    assert f"docs/images/{path.name}" in readme
    assert path.stat().st_size <= LONGEST_BYTES
