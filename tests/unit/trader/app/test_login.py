"""The way back from the broker's login is ours, fresh, and good for once."""

import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from trader.adapters.kite.credentials import Token
from trader.app import login as module
from trader.app.login import FileKeeper, Login, LoginFailed, LoginUnavailable, TokenUnstored
from trader.engine.ports import TokenDead


@dataclass
class Keeper:
    """Keeps tokens, or cannot."""

    kept: list[str] = field(default_factory=list)
    failure: str = ""

    async def store(self, access_token: str) -> None:
        if self.failure:
            raise TokenUnstored(self.failure)
        self.kept.append(access_token)


@pytest.fixture
def keeper() -> Keeper:
    return Keeper()


@pytest.fixture
def login(tmp_path: Path, keeper: Keeper, monkeypatch: pytest.MonkeyPatch) -> Login:
    (tmp_path / "api_key").write_text("desk-key")
    (tmp_path / "api_secret").write_text("desk-secret")

    def exchange(api_key: str, api_secret: str, request_token: str, root: str | None, proxy: str | None) -> str:
        assert (api_key, api_secret, root, proxy) == ("desk-key", "desk-secret", None, "http://egress:3128")
        if request_token == "stale":
            raise TokenDead("the broker did not exchange the request token: TokenException")
        return f"access-{request_token}"

    monkeypatch.setattr(module, "exchange_request_token", exchange)
    return Login(tmp_path, None, keeper, lambda: True, "http://egress:3128")


def state_of(url: str) -> str:
    """What Kite would hand back of this address."""
    query = parse_qs(urlsplit(url).query)
    return parse_qs(query["redirect_params"][0])["state"][0]


async def test_a_login_is_stored_and_taken_into_use(login: Login, keeper: Keeper) -> None:
    """At Kite's own page, with the app's key, and never its secret; who began is who is told."""
    taken: list[Token] = []
    login.stored = taken.append
    url = login.begin("meera")
    assert url.startswith("https://kite.zerodha.com/connect/login?v=3&api_key=desk-key&redirect_params=state")
    assert "desk-secret" not in url
    assert await login.finish("fresh", state_of(url)) == "meera"
    assert (keeper.kept, taken) == (["access-fresh"], [Token("desk-key", "access-fresh")])


async def test_a_way_back_is_good_for_once(login: Login, keeper: Keeper) -> None:
    """A reloaded page, or whoever read the address, stores nothing."""
    state = state_of(login.begin("meera"))
    await login.finish("fresh", state)
    with pytest.raises(LoginFailed, match="too late, or twice"):
        await login.finish("other", state)
    assert keeper.kept == ["access-fresh"]


@pytest.mark.parametrize(
    "forged", ["", "x", "e30.00", "WyJtIiw5OTk5OTk5OTk5LCJuIl0.deadbeef", "\u00e9.\u00e9", "." * 400]
)
async def test_a_forged_way_back_is_refused(login: Login, keeper: Keeper, forged: str) -> None:
    """Nobody can log this session in to an account of his own."""
    with pytest.raises(LoginFailed) as caught:
        await login.finish("fresh", forged)
    assert (caught.value.outcome, keeper.kept) == ("expired", [])


async def test_a_login_that_took_too_long_is_refused(login: Login, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten minutes."""
    state = state_of(login.begin("meera"))
    began = time.time()
    monkeypatch.setattr(time, "time", lambda: began + module.STATE_SECONDS + 1)
    with pytest.raises(LoginFailed, match="too late"):
        await login.finish("fresh", state)


async def test_what_the_broker_or_the_keeper_refuses_is_said(login: Login, keeper: Keeper) -> None:
    """Each with its own outcome."""
    with pytest.raises(LoginFailed, match="TokenException") as refused:
        await login.finish("stale", state_of(login.begin("meera")))
    keeper.failure = "Secret kite: ApiException 403"
    with pytest.raises(LoginFailed, match="ApiException 403") as unstored:
        await login.finish("fresh", state_of(login.begin("meera")))
    assert (refused.value.outcome, unstored.value.outcome) == ("refused", "unstored")


def test_a_session_that_logs_itself_in_offers_no_page(tmp_path: Path, keeper: Keeper) -> None:
    """And one without its app's key says which file is missing."""
    with pytest.raises(LoginUnavailable, match="logs itself in"):
        Login(tmp_path, "http://kitesim", keeper, lambda: False).begin("meera")
    with pytest.raises(LoginUnavailable, match="api_key"):
        Login(tmp_path, None, keeper, lambda: True).begin("meera")


async def test_the_file_is_replaced_whole(tmp_path: Path) -> None:
    """Readable by its owner only, nothing left beside it."""
    (tmp_path / "access_token").write_text("old")
    await FileKeeper(tmp_path).store("new")
    assert os.listdir(tmp_path) == ["access_token"]  # noqa: PTH208 - hidden files too
    assert (tmp_path / "access_token").read_text() == "new"
    assert (tmp_path / "access_token").stat().st_mode & 0o077 == 0
