"""What a failed call means: certain that nothing happened, or in doubt.

Keyed on message and code, never on the class alone: the official client has no class for `MarginException` and others
(they arrive as GeneralException), a NetworkException is ambiguous with 503 and definite with 429, and "Order request timed
out" has been served with code 400 while the order filled later (kite.trade/forum/discussion/comment/35732).
"""

from typing import Final

from trader.adapters.kite.official import KiteException
from trader.adapters.kite.transport import NothingLeft, Wire
from trader.engine.ports import GateClosed, Outcome, RateLimited, Refused, TokenDead, Unknown

# The codes of kite.trade/docs/connect/v3/exceptions that say "not done"; 428 is documented for a missing depository authorisation.
_DEFINITE: Final = frozenset({400, 403, 404, 405, 410, 428})
# Texts that admit an order may exist although the code says otherwise.
_AMBIGUOUS: Final = ("timed out", "timeout", "check the order book")


def outcome_of(error: BaseException, wire: Wire) -> Outcome:
    """The outcome that the engine hears, for whatever a call of the official client raised."""
    if isinstance(error, NothingLeft) and not wire.bytes_left:
        return GateClosed(str(error))
    if not wire.bytes_left:
        # No connection, no name, no worker: whatever it was, the broker saw nothing.
        return Refused(f"not sent: {_text(error)}")
    if isinstance(error, KiteException):
        return _kite_outcome(error)
    # Time-outs, resets, and the client's own oddities after an unexpected reply: KeyError 'content-type' or 'data',
    # TypeError without an error_type, UnboundLocalError for `data: null`.
    return Unknown(_text(error))


def _kite_outcome(error: KiteException) -> Outcome:
    code = getattr(error, "code", 500)
    text = str(error)
    if code == 429:
        return RateLimited(f"429: {text}")
    if type(error).__name__ == "TokenException" and code in {401, 403}:
        return TokenDead(f"{code}: {text}")
    if code in _DEFINITE and not any(each in text.lower() for each in _AMBIGUOUS):
        return Refused(f"{code}: {text}")
    return Unknown(f"{code} {type(error).__name__}: {text}")


def _text(error: BaseException) -> str:
    """The innermost cause, short: `requests` and urllib3 wrap one sentence in three."""
    inner: BaseException = error
    while inner.args and isinstance(inner.args[0], BaseException):
        inner = inner.args[0]
    reason = getattr(inner, "reason", None)
    if isinstance(reason, BaseException):
        inner = reason
    return f"{type(inner).__name__}: {str(inner)[:300]}"
