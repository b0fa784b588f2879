"""Whom an engine talks to: the account's broker, or on paper an exchange that is none.

The only place where an address meets a transport that takes orders. On paper that address is the paper exchange's, and the login
the paper account's; both are checked here, and the exchange itself is asked whose account it is before anybody leads.
"""

import asyncio
import contextlib
from collections.abc import Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

from trader.adapters.kite.clock import KitesimClock
from trader.adapters.kite.credentials import (
    CommandToken,
    CredentialsMissing,
    KitesimLogin,
    MountedToken,
    Session,
    TokenSource,
)
from trader.adapters.kite.link import KiteLink
from trader.adapters.kite.mirror import QuoteMirror
from trader.adapters.kite.paper import PaperBroker, PaperFeed, ShutGate
from trader.adapters.kite.rest import KiteRest
from trader.adapters.kite.stream import KITE_STREAM, KiteStream
from trader.adapters.system_clock import SystemClock
from trader.app.paper import PaperExchange
from trader.app.settings import BrokerAddress, Settings
from trader.app.tables import freeze_table
from trader.domain.values import AccountId
from trader.engine.gate import OrderGate
from trader.engine.ports import Feed, Outcome, Refused

log = structlog.get_logger(__name__)

TOKEN_LOOK_SECONDS: Final = 2.0


@dataclass(frozen=True, slots=True)
class Exchanges:
    """What is connected, or will be once this process leads."""

    broker: KiteRest | PaperBroker
    feed: Feed
    link: KiteLink
    orders: Session
    """Whose token orders are sent with."""
    market: Session
    """Whose token prices are read with; the same, but beside a mirror."""
    stream: KiteStream
    """Where prices come from."""
    is_person_s: bool
    """Whether a person's login renews the market's token."""
    mirror: QuoteMirror | None = None


@dataclass(frozen=True, slots=True)
class Clocks:
    """What measures time, and what lets orders out."""

    clock: KitesimClock | SystemClock
    gate: OrderGate


def connect(
    settings: Settings, paper: PaperExchange | None, clocks: Clocks, closing: contextlib.AsyncExitStack
) -> Exchanges:
    """Make everything that leads to an exchange; `paper` is None for real trading. No connection is opened yet."""
    address, clock = settings.session.broker, clocks.clock
    orders = Session(source_of(settings, paper))
    real_proxy = address.proxy
    rest = KiteRest(
        orders,
        clocks.gate,
        clock,
        freeze=freeze_table(),
        root=order_root(settings, paper),
        proxy=real_proxy if paper is None else None,
    )
    closing.callback(rest.close)
    own = clock if isinstance(clock, KitesimClock) else None
    is_person_s = is_logged_in_by_a_person(settings)
    if paper is None or not paper.mirrors:
        url = (address.stream_url or KITE_STREAM) if paper is None else paper.stream_url
        stream = KiteStream(orders, clock, url, proxy=real_proxy if paper is None else None)
        found = Exchanges(rest, stream, KiteLink(rest, own), orders, orders, stream, is_person_s and paper is None)
    else:
        market = Session(token_source(address, settings.session.account.id, settings.credentials))
        mirror = QuoteMirror(paper.url, settings.credentials / "control_token")
        reads = KiteRest(market, ShutGate(), clock, freeze=freeze_table(), root=address.url, proxy=real_proxy)
        closing.callback(reads.close)
        stream = KiteStream(market, clock, address.stream_url or KITE_STREAM, proxy=real_proxy, tee=mirror.hear)
        feed = PaperFeed(stream, KiteStream(orders, clock, paper.stream_url), mirror)
        broker = PaperBroker(rest, reads)
        found = Exchanges(broker, feed, KiteLink(broker, own), orders, market, stream, is_person_s, mirror)
    closing.push_async_callback(found.link.close)
    if found.is_person_s:
        beside(closing, _follow_secret(found.market), "secret")
    return found


def order_root(settings: Settings, paper: PaperExchange | None) -> str | None:
    """Where order requests go, None for Kite itself; on paper never there.

    Raises:
        ConfigInvalid: the paper exchange could be taken for the account itself.
    """
    if paper is None:
        return settings.session.broker.url
    paper.check(AccountId(settings.session.account.id))
    return paper.url


def source_of(settings: Settings, paper: PaperExchange | None) -> TokenSource:
    """Where the token of orders comes from; a paper account logs itself in, and no token of a person ever reaches it."""
    if paper is None:
        return token_source(settings.session.broker, settings.session.account.id, settings.credentials)
    return KitesimLogin(paper.url, paper.account, settings.credentials / "control_token")


async def prove_paper(broker: KiteRest | PaperBroker, paper: PaperExchange) -> None:
    """The last word is the exchange's: whose account do these orders go to?

    Raises:
        Outcome: another's than the paper account, or it does not answer.
    """
    whose = await broker.whose()
    if whose != paper.account:
        raise Refused(f"on paper orders must be of {paper.account}, and the exchange says that they are of {whose}")


def is_logged_in_by_a_person(settings: Settings) -> bool:
    """Whether the token comes from a person's login: always at Kite, at a simulator when its app's key is given."""
    return _is_logged_in_by_a_person(settings.session.broker, settings.credentials)


def _is_logged_in_by_a_person(broker: BrokerAddress, credentials: Path) -> bool:
    is_app_known = broker.type == "Kite" or (credentials / "api_key").exists()
    return is_app_known and broker.token_command is None


def token_source(broker: BrokerAddress, account: str, credentials: Path) -> TokenSource:
    """Where the access token of this session comes from."""
    if broker.token_command is not None:
        return CommandToken(broker.token_command, credentials)
    if _is_logged_in_by_a_person(broker, credentials):
        return MountedToken(credentials)
    assert broker.url is not None, "the model asks for it"
    return KitesimLogin(broker.url, account, credentials / "control_token")


async def _follow_secret(session: Session) -> None:
    """Take a token that a person wrote into the Secret, before the old one dies."""
    while True:
        await asyncio.sleep(TOKEN_LOOK_SECONDS)
        try:
            await session.read_again()
        except (CredentialsMissing, Outcome) as error:
            log.warning("token_unreadable", reason=str(error))


def beside(closing: contextlib.AsyncExitStack, work: Coroutine[object, object, None], name: str) -> None:
    """Run a task until the process closes."""
    task = asyncio.create_task(work, name=name)

    async def end() -> None:
        task.cancel()
        await asyncio.wait({task})

    closing.push_async_callback(end)
