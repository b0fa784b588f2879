"""Puts the parts of one process together: the only place that knows all adapters.

Assembling is patient about what may come later (a database that starts, a Secret that a person fills): `Unready` says what is
missing, and whoever called decides to wait or to give up. What is wrong for good is `ConfigInvalid`.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

import structlog

from trader.adapters.budgeted_broker import BudgetedBroker
from trader.adapters.kite.clock import KitesimClock
from trader.adapters.kite.credentials import CredentialsMissing, Session, read_credential
from trader.adapters.kite.link import KiteLink
from trader.adapters.kite.paper import PaperBroker
from trader.adapters.kite.rest import KiteRest
from trader.adapters.order_budget import OrderBudget
from trader.adapters.sql.migrating import upgrade
from trader.adapters.sql.store import SqlStore
from trader.adapters.system_clock import SystemClock
from trader.app.checks import Images, make_checks
from trader.app.exchanges import Clocks, beside, connect, prove_paper
from trader.app.observing import ObservedFeed
from trader.app.paper import GuardedLink, PaperExchange, paper_exchange
from trader.app.preflight import ListedPreflight
from trader.app.profiles import risk_profile
from trader.app.settings import Settings
from trader.app.sharing import Sharing
from trader.app.strategies import build_strategies
from trader.app.tables import calendar, charge_table, freeze_table
from trader.app.telemetry import Sources, TraderTelemetry
from trader.domain.calendars import Calendar
from trader.domain.profiles import Config
from trader.domain.state import EngineSettings as DomainSettings
from trader.domain.state import EngineState, ForeignPolicy
from trader.domain.values import AccountId
from trader.engine.domains import trading_domain
from trader.engine.elector import new_identity
from trader.engine.gate import OrderGate
from trader.engine.ports import Clock, LeaseClient, Outcome, SessionWatch, StoreAway, TokenDead
from trader.engine.session import TradingEngine
from trader.engine.settings import EnginePorts, EngineSettings

log = structlog.get_logger(__name__)


class Unready(Exception):  # noqa: N818 - says what is missing
    """Something outside is missing or does not answer; it may come."""


@dataclass(frozen=True, slots=True)
class Doors:
    """What differs between the cluster and a run by hand."""

    lease: LeaseClient
    watch: SessionWatch | None
    end_process: Callable[[int], None] | None
    live: bool
    """What the desk wants before the watch has spoken."""
    images: Images | None = None
    """Which image each pod of the session runs; None outside a cluster."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that is checked before anything outside is touched."""

    settings: Settings
    domain: DomainSettings
    calendar: Calendar
    paper: PaperExchange | None = None
    """Where orders go on paper; None: nothing is traded on paper."""

    @property
    def account(self) -> AccountId:
        """Whose Lease, epoch and kills these are, whatever is traded on."""
        return self.domain.account

    def domain_of(self, *, on_paper: bool) -> DomainSettings:
        """The account that orders and journal are of; on paper it is another one, so that no intent is both."""
        if not on_paper:
            return self.domain
        assert self.paper is not None, "on paper only where there is an exchange for it"
        return replace(self.domain, account=self.paper.account)


@dataclass(frozen=True, slots=True)
class Stores:
    """The account's database, as it is seen trading for real and on paper: two journals, one epoch, one kill."""

    real: SqlStore
    paper: SqlStore | None

    def of(self, *, on_paper: bool) -> SqlStore:
        """The one whose journal is meant."""
        if not on_paper:
            return self.real
        assert self.paper is not None, "on paper only where there is an exchange for it"
        return self.paper


@dataclass(frozen=True, slots=True)
class Carried:
    """What an engine takes over from the one before it in the same process."""

    begins_with: Config | None = None
    is_promoted: bool = False


async def _always() -> None:
    """Nothing speaks against it."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """What one engine is made for."""

    plan: Plan
    stores: Stores
    carried: Carried
    on_paper: bool = False
    may_lead: Callable[[], Awaitable[None]] = _always
    """On paper, asked when the Lease is won, before the exchange is: raises `Outcome` when this engine must not lead now."""

    @property
    def paper(self) -> PaperExchange | None:
        """Where its orders go on paper; None for real."""
        if not self.on_paper:
            return None
        assert self.plan.paper is not None, "on paper only where there is an exchange for it"
        return self.plan.paper


@dataclass(frozen=True, slots=True)
class Assembled:
    """A process that can run."""

    engine: TradingEngine[EngineState]
    clock: KitesimClock | SystemClock
    store: SqlStore
    preflight: ListedPreflight
    session: Session | None
    """Whose token a person's login renews; None where no person's token has any business."""
    on_paper: bool = False


def plan(settings: Settings) -> Plan:
    """Check what only the whole can tell: strategies, their parameters, tables.

    Raises:
        ConfigInvalid: something is wrong for good.
    """
    session = settings.session
    trading_hours = calendar(session.calendar.exchange)
    freeze_table()
    domain = DomainSettings(
        account=AccountId(session.account.id),
        calendar=trading_hours,
        strategies=build_strategies(session.strategies, settings.profile),
        foreign=ForeignPolicy(session.account.foreign),
        charges=charge_table(),
    )
    return Plan(settings, domain, trading_hours, paper_exchange(settings) if settings.in_cluster else None)


def make_telemetry(settings: Settings) -> TraderTelemetry:
    """The metrics of this process."""
    return TraderTelemetry(
        instance=settings.pod.name, version=version("trading-session-trader"), config_hash=settings.session.config.hash
    )


async def assemble(
    chosen: Chosen, doors: Doors, telemetry: TraderTelemetry, sharing: Sharing, closing: contextlib.AsyncExitStack
) -> Assembled:
    """Connect everything; what was opened is closed by `closing`, whatever happens.

    Raises:
        Unready: something outside is missing.
    """
    settings = chosen.plan.settings
    store = chosen.stores.of(on_paper=chosen.on_paper)
    clock = _clock(settings)
    gate = OrderGate(clock.machine_time)
    paper = chosen.paper
    found = connect(settings, paper, Clocks(clock, gate), closing)
    broker, link = found.broker, found.link
    if not settings.in_cluster:  # nobody stands by: whatever is wrong at the broker is said before the engine starts
        await _prove(link, broker, may_come=found.is_person_s)
    budget = _order_budget(chosen, clock)
    closing.push_async_callback(budget.close)
    beside(closing, budget.follow(), "order-budget")
    feed = ObservedFeed(found.feed, clock, telemetry)
    preflight = ListedPreflight(
        make_checks(
            settings,
            broker=broker,
            store=store,
            clock=clock,
            clock_age=(lambda: clock.age_seconds) if isinstance(clock, KitesimClock) else lambda: 0.0,
            sharing=sharing,
            charges=chosen.plan.domain.charges,
            images=doors.images,
        )
    )
    engine = TradingEngine(
        _engine_settings(chosen, doors.live),
        EnginePorts(
            clock=clock,
            gate=gate,
            broker=BudgetedBroker(broker, budget),
            feed=feed,
            store=store,
            lease=doors.lease,
            telemetry=telemetry,
            watch=doors.watch,
            preflight=preflight,
            link=link if paper is None else GuardedLink(link, chosen.may_lead, lambda: prove_paper(broker, paper)),
        ),
        trading_domain(chosen.plan.domain_of(on_paper=chosen.on_paper)),
        end_process=doors.end_process,
    )
    telemetry.attach(
        Sources(
            snapshot=engine.snapshot,
            machine_time=clock.machine_time,
            market_open=lambda: chosen.plan.calendar.session_at(clock.market_time()).phase.is_continuous,
            ticked_at=lambda: feed.ticked_at,
            stream_at=lambda: feed.stream_at,
            reconnects=lambda: max(0, found.stream.connections - 1),
            token_renewals=lambda: sum(each.renewals for each in {found.orders, found.market}),
            throttled=budget.depth,
            exchange=settings.session.calendar.exchange,
            mirror=None if found.mirror is None else found.mirror.figures,
        )
    )
    return Assembled(engine, clock, store, preflight, found.market if found.is_person_s else None, chosen.on_paper)


def _engine_settings(chosen: Chosen, live: bool) -> EngineSettings:
    settings, carried = chosen.plan.settings, chosen.carried
    files = settings.session.config
    begins = carried.begins_with or Config(files.hash, files.stage, risk_profile(settings.profile))
    return EngineSettings(
        account=chosen.plan.account,
        identity=new_identity(settings.pod.name, settings.pod.uid),
        lease=settings.session.lease.times(),
        profile=begins.profile,
        config_hash=begins.config_hash,
        stage=begins.stage,
        # A stage earns its limits with real orders; on paper there is nothing to lose in trying them.
        awaits_promotion=settings.awaits_promotion and not carried.is_promoted and not chosen.on_paper,
        emergency_directory=settings.emergency_directory,
        live=live,
        on_paper=chosen.on_paper,
    )


def _order_budget(chosen: Chosen, clock: Clock) -> OrderBudget:
    """The account's budget, shared through Redis where there is one."""
    file, url = chosen.plan.settings.redis / "url", None
    if file.exists():
        url = _read_url(file)

    def trading_date() -> str:
        return chosen.plan.calendar.session_at(clock.market_time()).trading_date

    try:
        return OrderBudget(url, chosen.plan.domain_of(on_paper=chosen.on_paper).account, trading_date)
    except ValueError as error:
        raise Unready(f"the Redis URL in {file} cannot be used: {error}") from error


async def open_stores(chosen: Plan, closing: contextlib.AsyncExitStack) -> Stores:
    """The database at the newest schema; closed by `closing`.

    Raises:
        Unready: it does not answer, or nobody said where it is.
    """
    settings = chosen.settings
    file = settings.database / "url"
    url, source = (settings.database_url, "") if settings.database_url else (_read_url(file), f" of {file}")
    try:
        await asyncio.to_thread(upgrade, url)
    except ValueError as error:
        raise Unready(f"the database URL{source} cannot be used: {error}") from error
    except StoreAway as away:
        raise Unready(f"the database{source} does not answer: {away}") from away
    real = SqlStore(url, chosen.account)
    closing.callback(real.close)
    if chosen.paper is None:
        return Stores(real, None)
    paper = SqlStore(url, chosen.account, journal_of=chosen.paper.account)
    closing.callback(paper.close)
    return Stores(real, paper)


def _read_url(path: Path) -> str:
    try:
        return read_credential(path)
    except CredentialsMissing as missing:
        raise Unready(str(missing)) from missing


def _clock(settings: Settings) -> KitesimClock | SystemClock:
    url = settings.session.broker.url
    return SystemClock() if url is None else KitesimClock(url, settings.credentials / "control_token")


async def _prove(link: KiteLink, broker: KiteRest | PaperBroker, *, may_come: bool) -> None:
    """A token that is refused is found out here, in words; a broker that is only slow is not waited for.

    `may_come`: a person may still log in, on the page that this process serves.
    """
    try:
        await link.open()
    except Outcome as failure:
        raise Unready(f"the broker cannot be used: {failure}") from failure
    try:
        await broker.warm()
    except TokenDead as dead:
        if not may_come:
            raise Unready(f"the broker does not take our token: {dead}") from dead
        log.warning("token_missing", reason=str(dead))
    except Outcome as failure:
        log.warning("broker_not_proved", reason=str(failure))
