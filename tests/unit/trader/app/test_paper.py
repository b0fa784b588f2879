"""Where orders go on paper, and that it can be mistaken for nothing else."""

import contextlib
import dataclasses
import re
from pathlib import Path

import pytest

from trader.adapters.kite.credentials import KitesimLogin
from trader.adapters.kite.paper import PaperBroker, ShutGate
from trader.adapters.system_clock import SystemClock
from trader.app.documents import ConfigInvalid, parse
from trader.app.exchanges import Clocks, connect, order_root, source_of
from trader.app.paper import PaperExchange, paper_exchange
from trader.app.profiles import Profile
from trader.app.settings import Pod, SessionFile, Settings
from trader.app.wiring import Carried, Chosen, Stores, plan
from trader.domain.values import AccountId
from trader.engine.gate import OrderGate

REAL = AccountId("AB1234")
KITE = "type: Kite"
KITESIM = 'type: Kitesim, url: "http://kitesim:8080", streamURL: "ws://kitesim:8080"'
MIRROR = 'paper: {url: "http://mirror:8080", streamURL: "ws://mirror:8080"}'
SESSION = """
session: {{name: index-intraday, namespace: desk, uid: 6f1c}}
account: {{id: AB1234}}
broker: {{{broker}}}
lease: {{name: account-ab1234}}
calendar: {{exchange: AlwaysOpen}}
strategies: [{{name: signal-intake}}]
"""


def settings(broker: str) -> Settings:
    """As the operator gives them to a pod."""
    return Settings(
        session=parse(SESSION.format(broker=broker), "session.yaml", SessionFile),
        profile=parse(Path("configs/paper.yaml").read_text(encoding="utf-8"), "paper.yaml", Profile),
        pod=Pod("trader-0", "uid", "desk", "worker"),
        credentials=Path("/nowhere"),
        database_url=None,
        database=Path("/nowhere"),
        redis=Path("/nowhere"),
        notifications=Path("/nowhere"),
        emergency_directory=Path("/nowhere"),
        in_cluster=True,
        http_host="127.0.0.1",
        http_port=0,
    )


def chosen(broker: str, *, on_paper: bool) -> Chosen:
    """What an engine would be made for; its stores are not asked."""
    return Chosen(plan(settings(broker)), Stores(None, None), Carried(), on_paper)  # type: ignore[arg-type]


def test_a_simulator_has_another_account_for_paper_and_kite_a_mirror_or_nothing() -> None:
    """The account's name with a suffix that no TradingSession's account can have."""
    assert paper_exchange(settings(KITESIM)) == PaperExchange(
        AccountId("AB1234paper"), "http://kitesim:8080", "ws://kitesim:8080", mirrors=False
    )
    assert paper_exchange(settings(f"{KITE}, {MIRROR}")) == PaperExchange(
        AccountId("AB1234paper"), "http://mirror:8080", "ws://mirror:8080", mirrors=True
    )
    assert paper_exchange(settings(KITE)) is None
    assert plan(dataclasses.replace(settings(KITESIM), in_cluster=False)).paper is None, (
        "by hand it is all a simulation"
    )
    assert not re.fullmatch(r"[A-Z][A-Z0-9]{3,11}", "AB1234paper")


@pytest.mark.parametrize(
    "url", ["https://api.kite.trade", "https://KITE.trade.:443", "https://kite.zerodha.com", "http://x.zerodha.net"]
)
def test_zerodha_is_no_paper_exchange(url: str) -> None:
    """Refused before anything is connected, wherever it stands."""
    for addresses in ((url, "ws://mirror:8080"), ("http://mirror:8080", url.replace("http", "ws", 1))):
        with pytest.raises(ConfigInvalid, match="never Zerodha"):
            PaperExchange(AccountId("AB1234paper"), *addresses, mirrors=True).check(REAL)
    with pytest.raises(ConfigInvalid, match="never Zerodha"):
        plan(settings(f'{KITE}, paper: {{url: "{url}", streamURL: "ws://mirror:8080"}}'))


def test_the_account_itself_is_no_paper_account() -> None:
    """Neither by its own name nor by any that an account may have."""
    for name in (REAL, AccountId("AB1234PAPER")):
        with pytest.raises(ConfigInvalid, match="must be another one than AB1234"):
            PaperExchange(name, "http://kitesim:8080", "ws://kitesim:8080", mirrors=False).check(REAL)


@pytest.mark.parametrize(
    ("broker", "root"), [(KITESIM, "http://kitesim:8080"), (f"{KITE}, {MIRROR}", "http://mirror:8080")]
)
def test_orders_on_paper_have_the_paper_address_and_the_paper_login_only(broker: str, root: str) -> None:
    """At Kite the root of real orders is None, which is Zerodha: on paper it never is. No token of a person is used."""
    paper = chosen(broker, on_paper=True)
    assert order_root(settings(broker), paper.paper) == root
    assert isinstance(source_of(settings(broker), paper.paper), KitesimLogin)
    assert paper.plan.domain_of(on_paper=True).account == "AB1234paper"
    real = chosen(broker, on_paper=False)
    assert order_root(settings(broker), real.paper) == (None if "mirror" in root else root)
    assert real.plan.domain_of(on_paper=False).account == REAL


def test_nothing_is_wired_on_paper_where_there_is_no_exchange_for_it() -> None:
    """It fails instead of falling back."""
    with pytest.raises(AssertionError, match="on paper only where there is an exchange for it"):
        assert chosen(KITE, on_paper=True).paper


async def test_no_transport_that_lets_orders_out_knows_the_live_broker() -> None:
    """Of the two clients the one with the engine's gate leads to the mirror; Zerodha's has a gate that never opens."""
    made = settings(f"{KITE}, {MIRROR}")
    clock = SystemClock()
    gate = OrderGate(clock.machine_time)
    async with contextlib.AsyncExitStack() as closing:
        found = connect(made, paper_exchange(made), Clocks(clock, gate), closing)
        assert isinstance(found.broker, PaperBroker)
        exchange, market = found.broker._exchange, found.broker._market
        assert {lane._client.root for lane in (exchange._orders, exchange._reads)} == {"http://mirror:8080"}
        assert exchange._gate is gate
        assert {lane._client.root for lane in (market._orders, market._reads)} == {"https://api.kite.trade"}
        assert isinstance(market._gate, ShutGate)
