"""The generated page says what the registries say."""

from pathlib import Path

import pytest

from trader.app.reference import MEANINGS, PAGES, REFUSALS
from trader.domain.values import ConfigRefusal, GuardCode

REFERENCE = Path(__file__).parents[4] / "docs/reference"


@pytest.mark.parametrize("name", sorted(PAGES))
def test_the_page_is_what_the_tables_say(name: str) -> None:
    """Write it anew with `python -m trader.app.reference`."""
    assert (REFERENCE / name).read_text(encoding="utf-8") == PAGES[name]()


def test_every_word_has_its_meaning() -> None:
    """No code without one, and none for what does not exist."""
    assert set(MEANINGS) == set(GuardCode)
    assert set(REFUSALS) == set(ConfigRefusal)
