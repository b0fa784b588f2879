"""Where all randomness comes from: named streams, so that adding one consumer moves no other.

A stream is a function of the configured seed and a name, never of the order in which things are created.
"""

import hashlib
import random


def stream(seed: int, *names: object) -> random.Random:
    """Return the generator that this seed and these names always give."""
    return random.Random(key(seed, *names))  # noqa: S311 - a reproducible market, not a secret


def key(seed: int, *names: object) -> bytes:
    """Return 16 bytes that stand for this seed and these names."""
    text = "\x1f".join((str(seed), *(str(name) for name in names)))
    return hashlib.blake2b(text.encode(), digest_size=16).digest()
