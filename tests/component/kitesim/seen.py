"""Which test shows what the official client sees of which fault."""

import inspect
from collections.abc import Callable
from typing import TypeVar

Test = TypeVar("Test", bound=Callable[..., object])
SEEN: dict[str, str] = {}


def shows(*kinds: str) -> Callable[[Test], Test]:
    """Say that a test shows these faults; it must name them."""

    def register(test: Test) -> Test:
        source = inspect.getsource(test)
        for kind in kinds:
            assert f'"{kind}"' in source.split("\n", 1)[1], f"{test.__name__} does not put {kind} to work"
            SEEN[kind] = test.__name__
        return test

    return register
