"""The tag of an order: at most 20 letters and digits that decode to epoch, intent, leg and attempt.

Kite offers no idempotency key; the tag is the only name of ours that the broker's book carries
(kite.trade/docs/connect/v3/orders: "alphanumeric, max 20 chars"), and a successor reads it after a crash.
Layout: `T`, epoch (4), intent (8), leg (1), attempt (2), check (1): 17 characters, Crockford's base 32.
"""

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from operator import mul

from trader.domain.evolving import quick
from trader.domain.values import AccountId, Epoch, IntentId, Leg, SignalKey, Tag

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_VALUES = {letter: value for value, letter in enumerate(ALPHABET)}
# Numbers are written two letters, ten bits, at a time: every width of the layout is even.
_PAIRS = [first + second for first in ALPHABET for second in ALPHABET]
_EPOCH_WIDTH, _INTENT_WIDTH, _ATTEMPT_WIDTH = 4, 8, 2
# Odd weights, each its own: one wrong or two swapped neighbouring characters change the sum modulo 31.
_WEIGHTS = tuple(range(1, 2 * (1 + _EPOCH_WIDTH + _INTENT_WIDTH + 1 + _ATTEMPT_WIDTH), 2))
_BEFORE_ZERO = (ord("0") - 1) * sum(_WEIGHTS)
MAX_EPOCH = 32**_EPOCH_WIDTH - 1
MAX_ATTEMPT = 32**_ATTEMPT_WIDTH - 1


@quick
@dataclass(frozen=True, slots=True)
class TagParts:
    """What a tag of ours says."""

    epoch: Epoch
    intent: IntentId
    leg: Leg
    attempt: int


def intent_id(account: AccountId, trading_date: str, strategy: str, signal_key: SignalKey) -> IntentId:
    """The identity of an intent: the same signal on the same day is the same intent, in whatever process and epoch."""
    text = f"{account}\x1f{trading_date}\x1f{strategy}\x1f{signal_key}"
    number = int.from_bytes(hashlib.blake2b(text.encode(), digest_size=5).digest(), "big")
    letters = _PAIRS[number >> 30] + _PAIRS[number >> 20 & 1023] + _PAIRS[number >> 10 & 1023] + _PAIRS[number & 1023]
    return IntentId(letters)


def encode_tag(parts: TagParts) -> Tag:
    """Write a tag.

    Raises:
        ValueError: epoch or attempt outside what the layout holds.
    """
    if not 0 <= parts.epoch <= MAX_EPOCH:
        raise ValueError(f"epoch must be within 0..{MAX_EPOCH}, was {parts.epoch}")
    if not 0 <= parts.attempt <= MAX_ATTEMPT:
        raise ValueError(f"attempt must be within 0..{MAX_ATTEMPT}, was {parts.attempt}")
    epoch = _PAIRS[parts.epoch >> 10] + _PAIRS[parts.epoch & 1023]
    body = f"T{epoch}{parts.intent}{parts.leg}{_PAIRS[parts.attempt]}"
    return Tag(body + _check(body))


@lru_cache(maxsize=8192)
def decode_tag(text: str | None) -> TagParts | None:
    """Read a tag; None for anything that is not one of ours (wrong shape, letter or check character).

    Remembered: each read of the book asks again for all tags of the day.
    """
    width = 1 + _EPOCH_WIDTH + _INTENT_WIDTH + 1 + _ATTEMPT_WIDTH + 1
    if text is None or not text.isascii() or len(text) != width or text[0] != "T" or text[-1] != _check(text[:-1]):
        return None
    epoch, intent = text[1:5], text[5:13]
    leg, attempt = text[13], text[14:16]
    if leg not in {each.value for each in Leg} or any(letter not in _VALUES for letter in epoch + intent + attempt):
        return None
    return TagParts(Epoch(_decode(epoch)), IntentId(intent), Leg(leg), _decode(attempt))


def intent_of(tag: Tag) -> IntentId:
    """The intent that a tag of ours names; for tags that this engine wrote or decoded already."""
    return IntentId(tag[5:13])


def _decode(text: str) -> int:
    number = 0
    for letter in text:
        number = number * 32 + _VALUES[letter]
    return number


def _check(body: str) -> str:
    """One letter that changes with any single wrong or any two swapped neighbouring characters; for ASCII alone."""
    return ALPHABET[(sum(map(mul, _WEIGHTS, body.encode())) - _BEFORE_ZERO) % 31]
