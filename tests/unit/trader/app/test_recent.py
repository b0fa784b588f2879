"""What a person reads about an event is what it says, not how it is written."""

from trader.app.recent import event_text, keep_event, recent_events


def test_an_event_in_words() -> None:
    """Rupees for paise, symbols without exchange, and no identifiers that nobody reads."""
    event = {
        "event": "order_filled",
        "tag": "T0001ABCDEFGHE011",
        "leg": "E",
        "instrument": "NFO:NIFTY26DECFUT",
        "average_paise": 2400805,
        "account": "SIM001",
    }
    assert event_text(event) == "order filled, leg E, NIFTY26DECFUT, average 24,008.05"


def test_only_the_last_events_are_kept() -> None:
    """And what is only for developers is not shown."""
    for number in range(20):
        keep_event(None, "info", {"event": f"event_{number}"})
    keep_event(None, "debug", {"event": "noise"})
    assert list(recent_events)[-1] == "event 19"
    assert len(recent_events) == 6
