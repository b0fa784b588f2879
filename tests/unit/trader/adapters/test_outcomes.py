"""Whatever a call of the official client raises, the engine hears what it means."""

import pytest
from kiteconnect import exceptions
from requests.exceptions import ConnectionError as RequestsConnectionError
from requests.exceptions import ConnectTimeout, ReadTimeout

from trader.adapters.kite.outcomes import outcome_of
from trader.adapters.kite.transport import NothingLeft, Wire
from trader.engine.ports import GateClosed, Outcome, RateLimited, Refused, TokenDead, Unknown


def sent() -> Wire:
    """A wire on which bytes left."""
    wire = Wire()
    wire.pass_gate(None)
    return wire


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (exceptions.InputException("Invalid `quantity`.", code=400), Refused),
        (exceptions.OrderException("Trigger price was wrong", code=400), Refused),
        (exceptions.GeneralException("Insufficient funds. Required margin is 1.", code=400), Refused),
        (exceptions.GeneralException("10 quantity needs authorisation at depository.", code=428), Refused),
        (exceptions.PermissionException("That API call is not allowed", code=403), Refused),
        (exceptions.TokenException("Incorrect `api_key` or `access_token`.", code=403), TokenDead),
        (exceptions.NetworkException("Too many requests", code=429), RateLimited),
        (exceptions.NetworkException("Request failed (kitetrade-oms).", code=503), Unknown),
        (exceptions.OrderException("Order request timed out. Please check the order book", code=400), Unknown),
        (exceptions.OrderException("Something", code=500), Unknown),
        (exceptions.DataException("Unknown Content-Type (text/html)", code=502), Unknown),
        (KeyError("content-type"), Unknown),
        (TypeError("attribute name must be string"), Unknown),
        (UnboundLocalError("data"), Unknown),
        (ReadTimeout("read timed out"), Unknown),
        (RequestsConnectionError("Connection reset by peer"), Unknown),
        (NothingLeft("a request is written at most once"), Unknown),
    ],
)
def test_after_the_write_only_a_definite_answer_is_a_refusal(error: Exception, expected: type[Outcome]) -> None:
    """Code and message decide; what is neither understood nor definite is in doubt."""
    assert type(outcome_of(error, sent())) is expected


@pytest.mark.parametrize(
    "error", [ConnectTimeout("slow"), RequestsConnectionError("refused"), OSError("no route"), KeyError("anything")]
)
def test_before_the_write_nothing_happened(error: Exception) -> None:
    """No byte left, so no order exists, whatever went wrong."""
    assert type(outcome_of(error, Wire())) is Refused


def test_an_abandoned_request_was_stopped_by_us() -> None:
    """A deadline before the write is our own gate."""
    assert type(outcome_of(NothingLeft("deadline"), Wire())) is GateClosed


def test_a_wire_is_written_at_most_once() -> None:
    """A redirect would send the same order a second time."""
    wire = sent()
    with pytest.raises(NothingLeft, match="at most once"):
        wire.pass_gate(None)


def test_an_abandoned_wire_lets_nothing_out() -> None:
    """After the deadline struck, a worker thread that wakes up late finds the door shut."""
    wire = Wire()
    assert wire.abandon()
    with pytest.raises(NothingLeft):
        wire.pass_gate(None)
    assert not wire.bytes_left


def test_a_sent_wire_cannot_be_abandoned() -> None:
    """What left has left: the deadline then means doubt."""
    assert not sent().abandon()
