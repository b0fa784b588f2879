"""A dashboard's panels over Prometheus' answers, as one page. Pure.

The layout, titles, units and thresholds are those of the dashboard's file; what Grafana would fetch was fetched before.
"""

import datetime as dt
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, Final

INDIA: Final = dt.timezone(dt.timedelta(hours=5, minutes=30))
COLUMN, ROW, GAP = 54, 34, 8
COLOURS: Final = ("#73bf69", "#f2cc0c", "#5794f2", "#ff9830", "#f2495c", "#b877d9", "#8ab8ff", "#c0d8ff")
GOOD, BAD, QUIET = "#2f7d32", "#c4162a", "#3a3f47"
# Grafana's names, as dark as white text on them needs.
FIXED: Final = {"red": BAD, "orange": "#b45309"}
THOUSAND, MILLION = 1e3, 1e6
MOST_STEPS: Final = 6
LONGEST_GAP_SECONDS: Final = 2.5
Scale = Callable[[float], float]


@dataclass(frozen=True, slots=True)
class Line:
    """One series: its name and its points, in Unix seconds."""

    name: str
    points: Sequence[tuple[float, float]]


def page(dashboard: Mapping[str, Any], answers: Mapping[str, Any], footer: str) -> str:
    """The dashboard as HTML that loads nothing."""
    parts = []
    bottom = 0
    for panel, found in zip(dashboard["panels"], answers["panels"], strict=True):
        place = panel["gridPos"]
        bottom = max(bottom, place["y"] + place["h"])
        style = (
            f"left:{place['x'] * COLUMN}px;top:{place['y'] * ROW}px;"
            f"width:{place['w'] * COLUMN - GAP}px;height:{place['h'] * ROW - GAP}px"
        )
        if panel["type"] == "row":
            parts.append(f'<h2 style="{style}">{escape(panel["title"])}</h2>')
            continue
        is_stat = panel["type"] == "stat"
        size = (place["w"] * COLUMN - GAP, place["h"] * ROW - GAP - (36 if is_stat else 26))
        body = _DRAWN[panel["type"]](panel, found, answers, size)
        parts.append(
            f'<section class="{panel["type"]}-panel" style="{style}"><h3>{escape(panel["title"])}</h3>{body}</section>'
        )
    return _PAGE.format(
        title=escape(dashboard["title"]),
        width=24 * COLUMN,
        height=bottom * ROW,
        body="\n".join(parts),
        footer=escape(footer),
    )


def shown(value: float, unit: str) -> str:
    """A value in its unit, as short as it can be read."""
    if value != value:  # noqa: PLR0124 - NaN: nothing was measured
        return "-"
    if unit == "percentunit":
        return f"{value:.2%}"
    if unit == "s":
        return f"{value * 1000:.0f} ms" if abs(value) < 1 else f"{value:.1f} s"
    prefix = "₹" if unit == "currencyINR" else ""
    if abs(value) >= MILLION:
        return f"{prefix}{value / MILLION:.1f} M"
    if abs(value) >= 10 * THOUSAND:
        return f"{prefix}{value / THOUSAND:.0f} K"
    return f"{prefix}{value:,.0f}" if value == int(value) else f"{prefix}{value:,.1f}"


def named(legend: str, labels: Mapping[str, str]) -> str:
    """A series' name: its legend with the labels in their places."""
    for name, value in labels.items():
        legend = legend.replace(f"{{{{{name}}}}}", value)
    return "" if legend == "__auto" else legend.strip()


def _stat(panel: Mapping[str, Any], found: Sequence[Any], answers: Mapping[str, Any], size: tuple[int, int]) -> str:
    del answers
    answer = found[0]
    if not answer["result"]:
        return f'<div class="stat" style="background:{QUIET};height:{size[1]}px">No data</div>'
    first = answer["result"][0]
    value = float(first["value"][1])
    is_named = panel["options"]["textMode"] == "name"
    text = named(answer["legend"], first["metric"]) if is_named else shown(value, _unit(panel))
    colour = _fixed_colour(panel, text) or (BAD if _is_bad(panel, value) else GOOD)
    return f'<div class="stat" style="background:{colour};height:{size[1]}px">{escape(text)}</div>'


def _gauge(panel: Mapping[str, Any], found: Sequence[Any], answers: Mapping[str, Any], size: tuple[int, int]) -> str:
    del answers
    values = found[0]["result"]
    value = float(values[0]["value"][1]) if values else float("nan")
    defaults = panel["fieldConfig"]["defaults"]
    share = min(1.0, max(0.0, (value - defaults["min"]) / (defaults["max"] - defaults["min"]))) if values else 0.0
    colour = BAD if _is_bad(panel, value) else COLOURS[0]
    # A half circle of radius 70: its length is 219.9.
    arc = 'd="M 20 90 A 70 70 0 0 1 160 90" fill="none" stroke-width="16"'
    return (
        f'<svg viewBox="0 0 180 104" height="{size[1]}" width="{size[0]}"><path {arc} stroke="{QUIET}"/>'
        f'<path {arc} stroke="{colour}" stroke-dasharray="{share * 219.9:.1f} 300"/>'
        f'<text x="90" y="88" class="big" style="fill:{colour}">{escape(shown(value, _unit(panel)))}</text></svg>'
    )


def _table(panel: Mapping[str, Any], found: Sequence[Any], answers: Mapping[str, Any], size: tuple[int, int]) -> str:
    del panel, answers, size
    rows = [each["metric"] for answer in found for each in answer["result"]]
    if not rows:
        return '<p class="none">No data: none fires</p>'
    body = "".join(f"<tr>{''.join(f'<td>{escape(value)}</td>' for value in row.values())}</tr>" for row in rows)
    return f"<table>{body}</table>"


def _timeseries(
    panel: Mapping[str, Any], found: Sequence[Any], answers: Mapping[str, Any], size: tuple[int, int]
) -> str:
    lines = [
        Line(
            named(answer["legend"], each["metric"]),
            [(float(at), float(value)) for at, value in each["values"] if value != "NaN"],
        )
        for answer in found
        for each in answer["result"]
    ]
    lines = [each for each in lines if each.points]
    unit, red = _unit(panel), _red(panel)
    until = float(answers["at"])
    since = until - float(answers["window"])
    values = [value for line in lines for _, value in line.points] + ([red] if red is not None else [])
    ticks = ticks_of(min([0.0, *values]), max([0.0, *values]))
    low, high = ticks[0], ticks[-1]
    width, height = size
    left, top, bottom = 58, 6, height - 50

    def x(at: float) -> float:
        return left + (at - since) / (until - since) * (width - left - 10)

    def y(value: float) -> float:
        return bottom - (value - low) / (high - low) * (bottom - top)

    parts = list(_grid(ticks, (since, until), (x, y), unit, (left, width - 10, bottom)))
    if red is not None:
        parts.append(
            f'<line x1="{left}" x2="{width - 10}" y1="{y(red):.1f}" y2="{y(red):.1f}" stroke="{BAD}" stroke-dasharray="5 4"/>'
        )
    for number, line in enumerate(lines):
        colour = COLOURS[number % len(COLOURS)]
        for piece in _pieces(line.points):
            points = " ".join(f"{x(at):.1f},{y(value):.1f}" for at, value in piece)
            parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
    legend = "".join(
        f'<span><i style="background:{COLOURS[number % len(COLOURS)]}"></i>{escape(line.name)}</span>'
        for number, line in enumerate(lines)
    )
    nothing = "" if lines else '<p class="none over">No data</p>'
    return (
        f'{nothing}<svg width="{width}" height="{height - 32}">{"".join(parts)}</svg><div class="legend">{legend}</div>'
    )


def ticks_of(low: float, high: float) -> list[float]:
    """Round numbers, the first at or below `low`, the last above `high`; four to seven of them."""
    high = high if high > low else low + 1.0
    span = high - low
    power = 10 ** math.floor(math.log10(span / 4))
    step = next(factor * power for factor in (1, 2, 5, 10) if span / (factor * power) <= MOST_STEPS)
    first = math.floor(low / step)
    return [step * number for number in range(first, math.floor(high / step) + 2)]


def _pieces(points: Sequence[tuple[float, float]]) -> Iterable[list[tuple[float, float]]]:
    """A line without what joins it over a gap: where nothing was measured, nothing is drawn."""
    piece: list[tuple[float, float]] = []
    for point in points:
        if piece and point[0] - piece[-1][0] > LONGEST_GAP_SECONDS:
            yield piece
            piece = []
        piece.append(point)
    yield piece


def _grid(
    ticks: Sequence[float],
    span: tuple[float, float],
    scales: tuple[Scale, Scale],
    unit: str,
    frame: tuple[int, int, int],
) -> Iterable[str]:
    (left, right, bottom), (since, until), (x, y) = frame, span, scales
    for value in ticks:
        yield f'<line x1="{left}" x2="{right}" y1="{y(value):.1f}" y2="{y(value):.1f}" stroke="#2c3036"/>'
        yield f'<text x="{left - 6}" y="{y(value) + 4:.1f}" text-anchor="end">{escape(shown(value, unit))}</text>'
    for number in range(1, 5):
        at = since + (until - since) * number / 5
        clock = dt.datetime.fromtimestamp(at, INDIA).strftime("%H:%M:%S")
        yield f'<text x="{x(at):.1f}" y="{bottom + 15}" text-anchor="middle">{clock}</text>'


_DRAWN: Final = {"stat": _stat, "gauge": _gauge, "table": _table, "timeseries": _timeseries}


def _unit(panel: Mapping[str, Any]) -> str:
    return str(panel["fieldConfig"]["defaults"]["unit"])


def _red(panel: Mapping[str, Any]) -> float | None:
    steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
    return next((float(each["value"]) for each in steps if each["color"] == "red"), None)


def _fixed_colour(panel: Mapping[str, Any], series: str) -> str | None:
    """The colour that an override gives to a series of this name."""
    for override in panel["fieldConfig"]["overrides"]:
        if override["matcher"] == {"id": "byName", "options": series}:
            return FIXED[override["properties"][0]["value"]["fixedColor"]]
    return None


def _is_bad(panel: Mapping[str, Any], value: float) -> bool:
    red = _red(panel)
    return red is not None and value >= red


_PAGE: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<style>
* {{ box-sizing: border-box; }}
body {{ margin: 0; padding: 16px; width: calc({width}px + 24px); background: #111217; color: #d8d9da;
  font: 12px/1.35 "DejaVu Sans", system-ui, sans-serif; }}
h1 {{ margin: 0 0 10px; font-size: 17px; font-weight: 500; }}
.board {{ position: relative; height: {height}px; }}
.board > * {{ position: absolute; margin: 0; overflow: hidden; }}
h2 {{ font-size: 13px; font-weight: 600; padding-top: 4px; }}
section {{ background: #181b1f; border: 1px solid #25292f; border-radius: 3px; }}
h3 {{ margin: 0; padding: 5px 8px 3px; height: 24px; font-size: 11px; font-weight: 500; white-space: nowrap; }}
.stat-panel h3 {{ height: 34px; font-size: 10px; line-height: 1.2; white-space: normal; padding-right: 2px; }}
.stat {{ display: flex; align-items: center; justify-content: center; font-size: 22px; font-weight: 600; color: #fff; }}
svg text {{ fill: #9fa3a8; font-size: 10px; }} svg .big {{ font-size: 22px; font-weight: 600; text-anchor: middle; }}
.legend {{ padding-left: 10px; margin-top: -4px; font-size: 10px; }}
.legend span {{ margin-right: 12px; white-space: nowrap; }}
.legend i {{ display: inline-block; width: 12px; height: 3px; margin: 0 4px 3px 0; vertical-align: middle; }}
.none {{ color: #9fa3a8; text-align: center; margin-top: 60px; }} .over {{ position: absolute; width: 100%; }}
table {{ margin: 8px; border-spacing: 10px 4px; }}
footer {{ color: #8e9297; padding-top: 6px; }}
</style></head><body><h1>{title}</h1><div class="board">
{body}
</div><footer>{footer}</footer></body></html>
"""
