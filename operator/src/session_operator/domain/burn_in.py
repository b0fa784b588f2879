"""Burn-in: clean trading days in a row, counted for the limits under which they were traded (docs/explanation/gates.md).

A row that was reached once stays earned: later days are judged and shown, and the drills guard each of them. Limits that
loosen have earned nothing: they begin anew.
"""

from collections.abc import Mapping
from typing import Any

import yaml

from session_operator.domain.configs import Revision
from session_operator.domain.reports import TraderReport
from session_operator.domain.verdicts import Ending
from session_operator.proofs import BurnIn, BurnInDay, Judgement, TradingDay, Verdict

DAYS_KEPT = 40
# A profile's name is no limit, and the parameters of strategies belong to the process (docs/seams.md §6).
NO_LIMITS = ("name", "strategies")


def carried(previous: BurnIn | None, final: Revision, before: Revision | None, day: TradingDay | None) -> BurnIn:
    """What holds of the burn-in under the final limits that are wanted now.

    `before` are the limits that it held for, None if they are not to be found: then nothing is known to have been earned.
    The day on which limits loosen counts for neither: it was begun under others.
    """
    if previous is None:
        return BurnIn(revision=final.short_hash)
    if previous.revision == final.short_hash:
        return previous
    if before is None or is_looser(_limits(before), _limits(final)):
        return BurnIn(revision=final.short_hash, after=day.date if day is not None else previous.after)
    return previous.model_copy(update={"revision": final.short_hash})


def _limits(revision: Revision) -> Mapping[str, Any]:
    found: Mapping[str, Any] = yaml.safe_load(revision.profile_yaml)
    return {key: value for key, value in found.items() if key not in NO_LIMITS}


def is_looser(before: Any, after: Any) -> bool:
    """Whether any number is larger, any list has more, or anything is of another kind than before."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        return set(before) != set(after) or any(is_looser(before[key], after[key]) for key in before)
    if isinstance(before, list) and isinstance(after, list):
        return not set(map(str, after)) <= set(map(str, before))
    if isinstance(before, int | float) and isinstance(after, int | float):
        return after > before
    return bool(before != after)


def with_blemishes(burn_in: BurnIn, day: TradingDay | None, report: TraderReport | None) -> BurnIn:
    """Note at once what makes today unclean: the leader that counted it may be gone by the evening."""
    figures = report.figures if report is not None else None
    if day is None or figures is None or report is None or report.trading_date != day.date:
        return burn_in
    seen = {"orders accepted twice": figures.duplicates, "exits that outlived their position": figures.orphans}
    found = "; ".join(f"{count} {what}" for what, count in seen.items() if count)
    standing = next((each for each in burn_in.days if each.date == day.date), None)
    if not found or (standing is not None and standing.reported):
        return burn_in
    entry = standing or BurnInDay(date=day.date, judgement=Judgement.UNCLEAN)
    return with_day(burn_in, entry.model_copy(update={"reported": found}))


def with_day(burn_in: BurnIn, day: BurnInDay) -> BurnIn:
    """Enter a judged day in place of what stood of it; what a leader reported on it stays, whatever its seal says."""
    if burn_in.after is not None and day.date <= burn_in.after:
        return burn_in
    standing = next((each for each in burn_in.days if each.date == day.date), None)
    reported = day.reported or (standing.reported if standing is not None else "")
    if reported:
        words = day.reason if day.reason.startswith(reported) else "; ".join(filter(None, (reported, day.reason)))
        day = day.model_copy(update={"reported": reported, "judgement": Judgement.UNCLEAN, "reason": words})
    others = [each for each in burn_in.days if each.date != day.date]
    days = sorted((*others, day), key=lambda each: each.date)[-DAYS_KEPT:]
    clean = _row(days)
    return burn_in.model_copy(
        update={"days": days, "clean_days": clean, "earned_days": max(clean, burn_in.earned_days)}
    )


def _row(days: list[BurnInDay]) -> int:
    """Clean days from the last one backwards; idle ones neither count nor end the row."""
    count = 0
    for each in reversed(days):
        if each.judgement is Judgement.UNCLEAN:
            break
        count += each.judgement is Judgement.CLEAN
    return count


def judged(date: str, ending: Ending) -> BurnInDay:
    """Judge a day by its post-close."""
    if ending.verdict is not Verdict.PASSED:
        text = f"post-close {ending.verdict.value}: {ending.reason or 'no reason was given'}"
        return BurnInDay(date=date, judgement=Judgement.UNCLEAN, reason=text)
    figures = ending.said.get("day")
    counts = figures if isinstance(figures, Mapping) else {}
    names = {"riskKills": "kills by risk", "unplanned": "incidents", "openPositions": "positions left open"}
    unknown = [name for name in ("orders", *names) if not _is_count(counts.get(name))]
    if unknown:
        text = f"post-close does not tell {', '.join(unknown)}"
        return BurnInDay(date=date, judgement=Judgement.UNCLEAN, reason=text)
    orders = int(counts["orders"])
    found = [f"{counts[name]} {words}" for name, words in names.items() if counts[name]]
    if found:
        return BurnInDay(date=date, judgement=Judgement.UNCLEAN, reason="; ".join(found), orders=orders)
    if not orders:
        return BurnInDay(date=date, judgement=Judgement.IDLE, reason="no order was placed")
    return BurnInDay(date=date, judgement=Judgement.CLEAN, orders=orders)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
