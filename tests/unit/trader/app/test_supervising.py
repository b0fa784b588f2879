"""What makes a supervising process give up, and what an ending is called."""

import pytest

from trader.app import supervising


@pytest.mark.parametrize(
    ("moments", "end"),
    [((0, 20, 60), True), ((0, 30, 60.1), False), ((0, 61, 62, 100), True), ((0, 40, 80, 120, 160), False)],
)
def test_three_crashes_within_a_minute_are_the_end(
    monkeypatch: pytest.MonkeyPatch, moments: tuple[float, ...], end: bool
) -> None:
    """The last three count, however many came before."""
    crashes = supervising._Crashes()
    told = []
    for moment in moments:
        monkeypatch.setattr("time.monotonic", lambda moment=moment: moment)
        told.append(crashes.are_too_many())
    assert told == [False] * (len(moments) - 1) + [end]
