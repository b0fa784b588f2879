"""Tests of the tests: each known bug of trading engines, planted, is caught by the test that is named for it."""

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from tests.unit.trader.domain import (
    test_account,
    test_charges,
    test_configuring,
    test_doubt,
    test_flattening,
    test_guards,
    test_leadership,
    test_protection,
    test_signals,
    test_slicing,
    test_throttle,
    test_trailing,
)
from trader.domain import (
    brackets,
    configuring,
    engine,
    flattening,
    guards,
    obligations,
    opening_range,
    positions,
    protecting,
    reconciling,
    sending,
    signals,
    states,
    updating,
    views,
)
from trader.domain.effects import PlaceOrder
from trader.domain.events import PlaceUnknown
from trader.domain.flattening import Flatness
from trader.domain.orders import changed, observed
from trader.domain.state import Bracket, Order
from trader.domain.turn import Turn
from trader.domain.updating import bracket_holding, find_order
from trader.domain.values import MachineTime, OrderStatus, Standing
from trader.domain.wants import PlaceWant, Urgency

Patch = pytest.MonkeyPatch


def retry_on_timeout(patch: Patch) -> None:
    def resend(turn: Turn, event: PlaceUnknown) -> None:
        order = find_order(turn, event.tag)
        assert order is not None
        want = PlaceWant(
            Urgency.PROTECT,
            bracket_holding(turn, order),
            order.leg,
            order.side,
            order.order_type,
            order.quantity,
            order.price,
            order.trigger_price,
        )
        turn.record(changed(order, turn.market_time, status=OrderStatus.REJECTED))
        sending.place(turn, want, adds_risk=True)

    patch.setitem(engine._HANDLERS, PlaceUnknown, resend)


def protection_only_after_full_fill(patch: Patch) -> None:
    def required(bracket: Bracket) -> brackets.Required:
        held = brackets.held_quantity(bracket) if brackets.entry_filled(bracket) == bracket.plan.quantity else 0
        return brackets.Required(held, held)

    patch.setattr(protecting, "on_entry_fill", required)


def an_in_doubt_stop_believed_for_ever(patch: Patch) -> None:
    patch.setattr("trader.domain.doubt.is_doubt_expired", lambda *_: False)
    patch.setattr("trader.domain.doubt._REDUCING", ())


def a_snapshot_older_than_an_order_judges_it(patch: Patch) -> None:
    judge = reconciling._judge_absent
    patch.setattr(
        reconciling, "_judge_absent", lambda turn, order, _: judge(turn, order, MachineTime(turn.now + 10**12))
    )


def flat_declared_with_an_entry_in_doubt(patch: Patch) -> None:
    honest = flattening.flatness
    for module in (flattening, states, views):
        patch.setattr(
            module,
            "flatness",
            lambda state: Flatness.PROVED if honest(state) is Flatness.PROVISIONAL else honest(state),
        )


def a_fenced_leader_cancels(patch: Patch) -> None:
    patch.setattr(engine, "_is_idle", lambda _: False)
    patch.setattr(obligations, "Standing", SimpleNamespace(NONE=object(), LEADER=Standing.LEADER))
    patch.setattr(Turn, "may_touch_broker", property(lambda _: True))


def a_replayed_fill_places_a_second_stop(patch: Patch) -> None:
    patch.setattr(protecting, "standing_orders", lambda *_: ([], False))


def heat_ignores_in_doubt_orders(patch: Patch) -> None:
    known = brackets.live_orders
    patch.setattr(
        positions,
        "live_orders",
        lambda *args: tuple(order for order in known(*args) if order.status is not OrderStatus.IN_DOUBT),
    )


def reconcile_emits_twice(patch: Patch) -> None:
    honest = observed

    def always(order: Order, row: Any, market_time: Any, *, trusts_terms: bool) -> Any:
        record = honest(order, row, market_time, trusts_terms=trusts_terms)
        return record or changed(order, market_time)

    patch.setattr(updating, "observed", always)


def kill_forgets_a_working_entry(patch: Patch) -> None:
    patch.setattr(obligations, "_must_go", lambda *_: False)


def limiter_counts_successes_only(patch: Patch) -> None:
    emit = Turn.emit

    def uncounted(turn: Turn, order: Any, track: Any) -> None:
        before = turn.control.sends
        emit(turn, order, track)
        if isinstance(order, PlaceOrder):
            turn.change_control(sends=before)

    patch.setattr(Turn, "emit", uncounted)


def epoch_not_checked(patch: Patch) -> None:
    honest = obligations._must_go
    patch.setattr(
        obligations,
        "_must_go",
        lambda turn, bracket, entry: honest(turn, bracket, replace(entry, epoch=turn.control.epoch)),
    )


def tag_reused_after_restart(patch: Patch) -> None:
    def forgetful(bracket: Bracket, leg: Any, epoch: Any) -> int:
        return sum(order.leg is leg and order.epoch == epoch for order in bracket.orders.values())

    patch.setattr(sending, "next_attempt", forgetful)


def float_paise(patch: Patch) -> None:
    patch.setattr(opening_range, "clamp_price", lambda price, *_: float(price))


def a_trail_follows_the_price_back(patch: Patch) -> None:
    patch.setattr("trader.domain.trailing.stop_level", lambda _: 0)


def a_crash_loosens_the_limits(patch: Patch) -> None:
    patch.setattr(configuring, "_resumed", lambda started, _: (started, started.profile))


def slices_are_not_counted_for_the_flatten(patch: Patch) -> None:
    patch.setattr(guards, "_slices", lambda _turn, profile, _budget: profile.entry_slices)
    patch.setattr("trader.domain.sizing.Sizing.orders", property(lambda _: 1))


def one_late_book_proves_absence(patch: Patch) -> None:
    patch.setattr(reconciling, "is_old_enough", lambda *_: True)


def a_human_s_own_sale_closes_ours(patch: Patch) -> None:
    patch.setattr(reconciling, "_closed_of_ours", lambda ours, _, delta: min(abs(delta), abs(ours)))


def charges_are_forgotten(patch: Patch) -> None:
    patch.setattr(updating, "_charged", lambda _turn, _order, record: record)


def a_failing_strategy_takes_the_engine_along(patch: Patch) -> None:
    patch.setattr(signals, "_proposals", lambda turn, strategy, view: strategy.decide(view, None)[1])


CAUGHT_BY: list[tuple[Callable[[Patch], None], Callable[[], None]]] = [
    (retry_on_timeout, test_doubt.test_nothing_is_sent_again_after_a_timeout),
    (protection_only_after_full_fill, test_protection.test_the_first_filled_lot_has_its_stop_at_once),
    (an_in_doubt_stop_believed_for_ever, test_protection.test_a_stop_in_doubt_counts_for_five_seconds_only),
    (a_snapshot_older_than_an_order_judges_it, test_doubt.test_a_snapshot_older_than_an_order_does_not_judge_it),
    (flat_declared_with_an_entry_in_doubt, test_flattening.test_an_entry_in_doubt_makes_flat_provisional),
    (a_fenced_leader_cancels, test_flattening.test_a_fenced_leader_touches_nothing),
    (a_replayed_fill_places_a_second_stop, test_protection.test_replayed_fills_place_nothing_twice),
    (heat_ignores_in_doubt_orders, test_doubt.test_an_entry_in_doubt_holds_its_full_risk),
    (reconcile_emits_twice, test_doubt.test_reconciling_twice_emits_nothing_the_second_time),
    (kill_forgets_a_working_entry, test_flattening.test_a_kill_cancels_a_working_entry_first),
    (limiter_counts_successes_only, test_throttle.test_every_attempt_counts_refused_or_not),
    (epoch_not_checked, test_leadership.test_a_successor_abandons_an_older_entry),
    (tag_reused_after_restart, test_leadership.test_tags_are_never_used_again),
    (float_paise, test_guards.test_no_float_ever_meets_money),
    (a_trail_follows_the_price_back, test_trailing.test_the_stop_never_follows_the_price_down),
    (a_crash_loosens_the_limits, test_configuring.test_a_crash_does_not_loosen),
    (slices_are_not_counted_for_the_flatten, lambda: test_slicing.test_slices_fit_what_a_flatten_can_close(6, 2)),
    (one_late_book_proves_absence, test_doubt.test_absence_takes_two_books_after_the_wait),
    (a_human_s_own_sale_closes_ours, test_account.test_who_sells_his_own_closes_nothing_of_ours),
    (charges_are_forgotten, test_charges.test_profit_of_the_day_is_after_charges),
    (
        a_failing_strategy_takes_the_engine_along,
        lambda: test_signals.test_a_strategy_that_fails_is_asked_no_more("poses"),
    ),
]


@pytest.mark.parametrize(("plant", "test"), CAUGHT_BY, ids=[plant.__name__ for plant, _ in CAUGHT_BY])
def test_the_planted_bug_is_caught(
    plant: Callable[[Patch], None], test: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The named test holds without the bug, and fails with it."""
    test()
    plant(monkeypatch)
    # Unpacking "exactly one" fails as a ValueError: that is a failing test too.
    with pytest.raises((AssertionError, ValueError)):
        test()
