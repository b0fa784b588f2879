"""What is wrong with a secret is told without it: URLs that cannot be used, tokens that nobody takes, whole tracebacks."""

import asyncio
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.component.trader.test_secrets import Secrets
from trader.adapters.desk_messages import AppriseDesk, DeskAway
from trader.adapters.kite.credentials import MountedToken, Session, Token, exchange_request_token
from trader.adapters.order_budget import OrderBudget
from trader.adapters.redis_live_state import RedisLiveState
from trader.adapters.sql.migrating import upgrade
from trader.engine.ports import StoreAway

pytestmark = pytest.mark.component

SECRET = "s3cr3t8c5e1f"


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://trader:{SECRET}@127.0.0.1:1/x",
        f"postgresql://trader:a@{SECRET}@127.0.0.1:1/x",
        f"postgresql://trader:{SECRET}@127.0.0.1:port/x",
        f"postgresql://trader:a/{SECRET}@127.0.0.1:1/x",
        f"mysql://trader:{SECRET}@127.0.0.1:1/x",
        f"postgres//trader:{SECRET}@127.0.0.1",
        SECRET,
        f"postgresql://trader@127.0.0.1:1/x?password={SECRET}",
        f"postgresql://trader@127.0.0.1:1/x?pasword={SECRET}",
    ],
)
def test_a_database_url_that_is_wrong_is_told_without_its_password(url: str) -> None:
    """Also one whose password was not escaped, and stands where a host or a parameter should."""
    with pytest.raises((ValueError, StoreAway)) as caught:
        upgrade(url)
    shown = "".join(traceback.format_exception(caught.value))
    assert SECRET not in shown
    if isinstance(caught.value, ValueError):
        assert "expected" in str(caught.value), "what would be right is said"


@pytest.mark.parametrize(
    "url",
    [
        f"redis://:{SECRET}@127.0.0.1:port/0",
        f"redis://:{SECRET}/x@127.0.0.1:1/0",
        f"redis://:a#{SECRET}@127.0.0.1:1/0",
        f"redis://:{SECRET}#a@127.0.0.1:1/0",
        f"redis://127.0.0.1:1/0?{SECRET}=1",
        f"redish://:{SECRET}@127.0.0.1",
        SECRET,
    ],
)
@pytest.mark.parametrize("use", [RedisLiveState, lambda url, account: OrderBudget(url, account, lambda: "2026-11-23")])
def test_a_redis_url_that_is_wrong_is_told_without_its_password(use: Callable[[str, str], object], url: str) -> None:
    """At once, and in one message that says what would be right: the parts that a parser takes for a port may be the password."""
    with pytest.raises(ValueError, match="expected redis://") as caught:
        use(url, "AB1234")
    assert SECRET not in "".join(traceback.format_exception(caught.value))


async def test_exceptions_carry_no_secret(tmp_path: Path) -> None:
    """Whoever prints one, or its whole traceback, or the token itself, prints nothing that is worth stealing."""
    known = Secrets()
    token = Token(known.new("an api_key"), known.new("an access token"))
    texts = [repr(token), str(token)]
    (tmp_path / "api_key").write_text(token.api_key)
    (tmp_path / "access_token").write_text(token.access_token)
    (tmp_path / "urls").write_text(f"json://u:{known.new('a hook')}@127.0.0.1:1/\n{known.new('no URL')}\n")
    session = Session(MountedToken(tmp_path))
    held = await session.token()

    def exchange() -> None:
        exchange_request_token(token.api_key, known.new("a secret"), known.new("a request token"), "http://127.0.0.1:1")

    for failing in (
        lambda: session.renew(held),
        lambda: AppriseDesk(tmp_path / "urls").send("a", "b"),
        lambda: asyncio.to_thread(exchange),
        lambda: asyncio.to_thread(upgrade, f"postgresql://u:{known.new('a password')}@127.0.0.1:1/x"),
    ):
        try:
            await failing()
        except Exception as error:
            texts += [str(error), repr(error), "".join(traceback.format_exception(error))]
        else:
            pytest.fail("nothing was provoked")
    assert any(DeskAway.__name__ in text for text in texts)
    assert [leak for text in texts for leak in known.leaks(text[:80], text)] == []
