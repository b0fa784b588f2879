"""The whole exchange without its sockets: clock, market, desk, users, limits, faults, truth log.

It is driven from outside: the server calls `pulse` with a slice of the instruments, and the web layer calls the rest.
"""

import logging
from collections.abc import Iterable, Iterator, Sequence
from datetime import date

from kitesim.calendars import Phase, load_calendar
from kitesim.clocks import DAY, SECOND, MarketClock, at, day_of, iso, machine_unix_ns
from kitesim.config import SimulatorConfig
from kitesim.exchange.accounts import Account, MarginRates
from kitesim.exchange.desk import Desk
from kitesim.exchange.orders import Order
from kitesim.exchange.timers import Timers
from kitesim.faults import Faults, load_scenario
from kitesim.limits import RateLimiter
from kitesim.market.content import daily_volatility, load_instruments, shapes
from kitesim.market.feeding import FedTick, feed, inspect, replay
from kitesim.market.instruments import Master
from kitesim.market.listing import ListedContract, listed
from kitesim.market.market import Market
from kitesim.market.master import build_master
from kitesim.market.paths import Paths
from kitesim.meddling import DELIVERIES, OUTSIDE_PROTECTION, Meddling
from kitesim.seeds import stream
from kitesim.stream.connections import Connection
from kitesim.stream.hub import Delivery, Hub
from kitesim.truth import TruthLog
from kitesim.users import User, Users

logger = logging.getLogger(__name__)


class Simulator:
    """One exchange and its broker."""

    def __init__(self, config: SimulatorConfig, timers: Timers, clock: MarketClock | None = None) -> None:
        """Build the market of the configured day.

        Raises:
            ConfigInvalid: a file of the configuration is wrong: calendar, charges, faults or recording.
        """
        self.config = config
        self.calendar = load_calendar(config.market, config.calendar_file, config.seed)
        day = config.date or today()
        follows_machine = config.mirror and config.date is None and "start" not in config.model_fields_set
        begins = machine_unix_ns() if follows_machine else at(day, config.start)
        self.clock = clock or MarketClock(begins, config.speed)
        self.log = TruthLog(self.clock.now_ns, machine_unix_ns, config.log_capacity)
        self._content = load_instruments()
        master = build_master(self._content, self.calendar, day, strikes=config.strikes)
        special = {
            each.date: (each.open.hour * 60 + each.open.minute, each.close.hour * 60 + each.close.minute)
            for each in self.calendar.special_days.values()
        }
        paths = Paths(config.seed, day, shapes(self._content), config.market == "nse", special)
        volatilities = daily_volatility(self._content)
        self.market = Market(config.seed, master, paths, self.clock.now_ns(), volatilities)
        self.users = Users(config.rules.single_session, config.rules.token_expiry)
        self.accounts: dict[str, Account] = {}
        self.limiter = RateLimiter(config.limits, machine_unix_ns, lambda: self.clock.now_ns() // DAY)
        self.faults = Faults(stream(config.seed, "faults"), self.clock.now_ns)
        first_order_id = config.first_order_id or machine_unix_ns() // 1_000_000 * 1_000_000
        self.desk = Desk(
            config=config,
            market=self.market,
            calendar=self.calendar,
            timers=timers,
            log=self.log,
            now_ns=self.clock.now_ns,
            first_order_id=first_order_id,
        )
        self.desk.admit_to_day = self.limiter.admit_to_day
        self.hub = Hub(self.market.quotes)
        self.hub.on_update = self._update_copies
        self.hub.before_frames = self._meddle
        self.desk.at_trigger = self._at_trigger
        self._meddling = Meddling(self.faults, self.market, self.calendar, self.limiter, self.log)
        for spec in load_scenario(config.faults_file) if config.faults_file else ():
            self.faults.add(spec, machine_unix_ns())
        self.desk.listeners.append(self._order_update)
        self._replay = self._open_recording()
        self._recorded = next(self._replay, None) if self._replay else None
        self._phased_ns = self.clock.now_ns()
        self._phases = {name: self.calendar.phase(name, self._phased_ns) for name in self.calendar.sessions}
        for user in config.users:
            self.add_user(user.user_id, user.funds, user.api_key, user.api_secret)

    def add_user(
        self, user_id: str, funds: float | None = None, api_key: str | None = None, api_secret: str | None = None
    ) -> User:
        """Return the user, made when he does not exist; with `funds` his book is emptied and his money set."""
        user = self.users.find(user_id)
        if user is None:
            user = self.users.add(user_id, api_key, api_secret)
        elif funds is None:
            return user
        old = self.accounts.get(user_id)
        if old is not None:
            self.desk.empty_book(old)
        rates = MarginRates(self.config.margins.derivatives, self.config.margins.intraday_equity)
        cash = round((self.config.funds if funds is None else funds) * 100)
        account = Account(user_id, cash, rates, self.market.quotes.__getitem__)
        self.accounts[user_id] = account
        self.desk.open_account(account)
        return user

    @property
    def master(self) -> Master:
        """The instrument master of the present day."""
        return self.market.master

    def instruments(self) -> Sequence[int]:
        """Return all tokens in the order in which they must move: an index before what follows it."""
        return list(self.market.master.by_token)

    def pulse(self, tokens: Sequence[int], now_ns: int) -> None:
        """Let these instruments tick, orders match, and subscribers know."""
        self._meddling.apply(machine_unix_ns())
        if self._replay is not None:
            self._replay_until(now_ns)
        if day_of(now_ns) != self.market.day:
            self._start_day(now_ns)
        if self.calendar.mode == "nse":
            self._follow_sessions(now_ns)
            ticking = {name for name, phase in self._phases.items() if phase is Phase.CONTINUOUS}
            tokens = [token for token in tokens if self.market.quotes[token].instrument.session in ticking]
        if self.calendar.halted:
            halted = self.calendar.halted
            tokens = [token for token in tokens if self.market.quotes[token].instrument.exchange not in halted]
        ticked = [] if self.config.mirror else self.market.advance(tokens, now_ns)
        self.desk.on_ticks(ticked)
        self.hub.publish(ticked)

    def step(self, seconds: float, tick_seconds: float) -> Iterator[int]:
        """Walk market time forward, one tick of every instrument each so many seconds; yield after each.

        With latencies of zero, a stopped clock and the same calls in between, the same seed gives the same day.
        """
        left, tick_ns = int(seconds * SECOND), int(tick_seconds * SECOND)
        assert tick_ns > 0, f"a tick takes time, was {tick_seconds!r}"
        while left > 0:
            step = min(tick_ns, left)
            left -= step
            self.clock.advance(step)
            now = self.clock.now_ns()
            self.pulse(self.instruments(), now)
            yield now

    def feed(self, ticks: Iterable[FedTick]) -> int:
        """Take ticks from outside; orders match and subscribers know before it returns. Return how many fitted."""
        now = self.clock.now_ns()
        moved = [token for tick in ticks if (token := feed(self.market, tick, now)) is not None]
        self.desk.on_ticks(moved)
        self.hub.publish(moved)
        return len(moved)

    def list_contracts(self, rows: Iterable[ListedContract]) -> list[str]:
        """List what the master lacks, and return the names of those whose underlying is not known here."""
        underlyings = {row.name: row for row in self._content.derivatives}
        unknown: list[str] = []
        for row in rows:
            if row.instrument in self.master.by_key:
                continue
            made = listed(row, underlyings, self.master)
            if made is None:
                unknown.append(row.instrument)
            else:
                self.market.list_contract(made)
        return unknown

    def _open_recording(self) -> Iterator[tuple[int, FedTick]] | None:
        """Read the recording through, so that nothing of it can stop the market later, and begin it."""
        path = self.config.replay
        if path is None:
            return None
        found = inspect(path)
        unknown = sorted(name for name in found.instruments if self.market.find(name) is None)
        self.log.write("replay_opened", ticks=found.ticks, instruments=len(found.instruments), unknown=unknown[:100])
        return replay(path)

    def _replay_until(self, now_ns: int) -> None:
        assert self._replay is not None
        due: list[FedTick] = []
        while self._recorded is not None and self._recorded[0] <= now_ns:
            due.append(self._recorded[1])
            self._recorded = next(self._replay, None)
        if due:
            self.feed(due)
        if self._recorded is None:
            self._replay = None
            self.log.write("replay_ended")

    def force_price(self, instrument: str, rupees: float, hold_seconds: float) -> None:
        """Put an instrument at a price at once; hold it for machine seconds.

        Raises:
            ControlRefused: no such instrument, or no such price.
        """
        now = self.clock.now_ns()
        hold_ns = int(hold_seconds * max(self.clock.speed, 0) * 1e9)
        moved = list(self.market.force(instrument, rupees, hold_ns, now))
        self.log.write("price_forced", instrument=instrument, price=rupees, hold_seconds=hold_seconds)
        self.desk.on_ticks(moved)
        self.hub.publish(moved)

    def clock_row(self) -> dict[str, object]:
        """Return the answer of `GET /sim/clock`."""
        now = self.clock.now_ns()
        return {
            "market_time": iso(now),
            "market_time_ns": now,
            "speed": self.clock.speed,
            "market_open": self.calendar.any_open(now),
            "market": self.calendar.mode,
            "phases": {}
            if self.calendar.mode == "always-open"
            else {name: self.calendar.phase(name, now).value for name in self.calendar.sessions},
        }

    def _follow_sessions(self, now_ns: int) -> None:
        """Let every phase that has begun since the last look happen, in the order of their times."""
        begun: list[tuple[int, str, Phase]] = []
        for day in {day_of(self._phased_ns), day_of(now_ns)}:
            for session in self.calendar.sessions:
                moments, phases = self.calendar.timeline(session, day)
                begun += [
                    (moment, session, phase)
                    for moment, phase in zip(moments, phases, strict=True)
                    if self._phased_ns < moment <= now_ns
                ]
        self._phased_ns = now_ns
        for _, session, phase in sorted(begun):
            before, self._phases[session] = self._phases[session], phase
            self.desk.begin_phase(session, before, phase)
            self.log.write("session_phase", session=session, phase=phase.value)
            if phase is Phase.MATCHING:
                self.hub.publish([row.token for row in self.market.master if row.session == session])

    def _start_day(self, now_ns: int) -> None:
        """At midnight: the exchange's own hours settle the day; an always-open market only starts new figures."""
        if self.calendar.mode == "nse":
            self._follow_sessions(now_ns)
            self.desk.close_day()
            self._roll(now_ns)
        else:
            self.market.start_day(now_ns)
        self.log.write("day_started", date=self.market.day.isoformat())

    def _roll(self, now_ns: int) -> None:
        """List the new day's contracts around where the indices stand, and let expired ones go."""
        day, before = day_of(now_ns), self.market.master
        levels = self.market.levels()
        master = build_master(
            self._content, self.calendar, day, strikes=self.config.strikes, levels=levels, before=before
        )
        gone = self.market.start_day(now_ns, master)
        if gone:
            symbols = [before.by_token[token].key for token in gone if not before.by_token[token].is_option]
            self.log.write("contracts_expired", contracts=len(gone), futures=symbols)

    def change_faults(self) -> None:
        """Let added and removed faults take hold at once, not only at the market's next step."""
        self._meddling.apply(machine_unix_ns())

    def _update_copies(self, user_id: str, order: Order) -> Delivery:
        fault = self.faults.strike("update", machine_unix_ns(), user_id, tag=order.request.tag)
        if fault is None:
            return "once"
        self.log.write("fault", fault=fault.kind, user_id=user_id, tag=order.request.tag, order_id=order.order_id)
        return DELIVERIES[fault.kind]

    def _at_trigger(self, order: Order) -> str | None:
        fault = self.faults.strike(
            "trigger", machine_unix_ns(), order.user_id, tag=order.request.tag, instrument=order.instrument.key
        )
        if fault is None:
            return None
        self.log.write("fault", fault=fault.kind, user_id=order.user_id, tag=order.request.tag, order_id=order.order_id)
        return OUTSIDE_PROTECTION

    def _meddle(self, connection: Connection) -> None:
        if not self.faults.any():
            connection.silent = connection.tickless = False
            return
        user_id, now = connection.user.user_id, machine_unix_ns()
        connection.silent = self.faults.stands("black-hole", user_id, now)
        connection.tickless = self.faults.stands("heartbeats-only", user_id, now)
        if (fault := self.faults.strike("frame", now, user_id)) is not None:
            self.log.write("fault", fault=fault.kind, user_id=user_id)
            connection.cut()

    def _order_update(self, account: Account, order: Order, status: str) -> None:
        user = self.users.find(account.user_id)
        assert user is not None, f"an account without a user, was {account.user_id!r}"
        self.hub.order_update(user, order, status)


def today() -> date:
    """Return the date in India."""
    return day_of(machine_unix_ns())
