"""The words of the trade: identifiers, money and time as their own types, and the closed enumerations.

Money and prices are integer paise, quantities are integer units (never lots), times are integer nanoseconds.
Two clocks stand side by side: machine time (monotonic, counts suspended time) measures deadlines and ages; market time
(Unix epoch, UTC) says what the exchange's clock shows, and may run faster than the machine's on a simulator.
"""

from enum import StrEnum
from typing import NewType

Paise = NewType("Paise", int)
Quantity = NewType("Quantity", int)
MachineTime = NewType("MachineTime", int)
"""Nanoseconds on the machine's own clock; only differences mean something."""
MarketTime = NewType("MarketTime", int)
"""Nanoseconds since the Unix epoch on the exchange's clock."""

AccountId = NewType("AccountId", str)
InstrumentKey = NewType("InstrumentKey", str)
"""Exchange and trading symbol as Kite writes them: `NFO:NIFTY26DECFUT`."""
BrokerOrderId = NewType("BrokerOrderId", str)
IntentId = NewType("IntentId", str)
"""Eight letters of Crockford's base 32: a hash of account, trading date, strategy and signal key."""
SignalKey = NewType("SignalKey", str)
Tag = NewType("Tag", str)
Epoch = NewType("Epoch", int)

SECOND = 1_000_000_000
MILLISECOND = 1_000_000


class Side(StrEnum):
    """The direction of an order, in the exchange's words."""

    BUY = "BUY"
    SELL = "SELL"

    def __init__(self, text: str) -> None:
        self.sign = 1 if text == "BUY" else -1
        """+1 for BUY, -1 for SELL: a signed position is the sum of sign x quantity."""

    @property
    def opposite(self) -> "Side":
        """The side that closes what this side opens."""
        return Side.SELL if self is Side.BUY else Side.BUY


class OrderType(StrEnum):
    """Kite's order types."""

    LIMIT = "LIMIT"
    MARKET = "MARKET"
    STOP_LIMIT = "SL"
    STOP_MARKET = "SL-M"


class Product(StrEnum):
    """Kite's products; intraday futures trade as MIS or NRML."""

    MIS = "MIS"
    NRML = "NRML"
    CNC = "CNC"


class Leg(StrEnum):
    """Which part of a bracket an order is; the letter stands in its tag."""

    ENTRY = "E"
    STOP = "S"
    TARGET = "P"
    EXIT = "X"


class OrderStatus(StrEnum):
    """Our own order states; Kite's many interim statuses fold into WORKING."""

    UNSENT = "UNSENT"
    SENT = "SENT"
    IN_DOUBT = "IN_DOUBT"
    WORKING = "WORKING"
    COMPLETE = "COMPLETE"
    CANCELLED = "CANCELLED"
    REJECTED = "REJECTED"
    ABSENT = "ABSENT"
    """Was in doubt; the broker's book proved that it never existed."""

    def __init__(self, text: str) -> None:
        # An attribute, not a property: it is asked of every order on every step.
        self.is_terminal = text in ("COMPLETE", "CANCELLED", "REJECTED", "ABSENT")
        """Nothing further can happen to an order in this state."""


class TradingState(StrEnum):
    """What the engine may do now."""

    PAPER = "PAPER"
    RECOVERING = "RECOVERING"
    LIVE = "LIVE"
    REDUCING = "REDUCING"
    HALTED = "HALTED"
    CLOSED = "CLOSED"


class Standing(StrEnum):
    """What this process holds of the two proofs of leadership (rule 1 of the architecture)."""

    LEADER = "LEADER"
    """Lease and epoch: may add risk."""
    EPOCH_ONLY = "EPOCH_ONLY"
    """Lease lost by transport errors only, the epoch is still ours: protect and exit."""
    LEASE_ONLY = "LEASE_ONLY"
    """Database away, Lease deadline not reached: protect and exit, written to the emergency journal."""
    NONE = "NONE"
    """Neither: touch nothing at the broker."""


class GuardCode(StrEnum):
    """Why an intent was denied. Closed: metric labels, documents and screens derive from it."""

    FREEZE_BAND = "FREEZE_BAND"
    SPREAD_BLOWOUT = "SPREAD_BLOWOUT"
    HEAT = "HEAT"
    DAILY_LOSS = "DAILY_LOSS"
    PER_TRADE_RISK = "PER_TRADE_RISK"
    FLATTEN_BUDGET = "FLATTEN_BUDGET"
    STALE_DATA = "STALE_DATA"
    NOT_LEADER = "NOT_LEADER"
    NOT_LIVE = "NOT_LIVE"
    RATE_LIMIT = "RATE_LIMIT"
    DUPLICATE = "DUPLICATE"
    SESSION_CLOSED = "SESSION_CLOSED"
    TICK_SIZE = "TICK_SIZE"
    LOT_SIZE = "LOT_SIZE"
    INSTRUMENT_NOT_ALLOWED = "INSTRUMENT_NOT_ALLOWED"
    EXPIRING = "EXPIRING"
    FOREIGN_ACTIVITY = "FOREIGN_ACTIVITY"
    KILLED = "KILLED"


class ConfigVerdict(StrEnum):
    """What became of a configuration that was offered to the running engine."""

    APPLIED = "APPLIED"
    """It is in force, whole."""
    WAITING = "WAITING"
    """What it tightens is in force; what it loosens follows once nothing is open."""
    REFUSED = "REFUSED"


class ConfigRefusal(StrEnum):
    """Why an offered configuration was refused. Closed, as the guards' codes are."""

    NOT_LEADER = "NOT_LEADER"
    WRONG_EPOCH = "WRONG_EPOCH"
    """It was meant for another leadership."""
    WRONG_BASE = "WRONG_BASE"
    """It replaces a hash that is not in force: somebody else was first."""
    HASH_REUSED = "HASH_REUSED"
    """The same hash stands for other limits already."""
    OUT_OF_BOUNDS = "OUT_OF_BOUNDS"
    LOOSENS_WITHOUT_STAGE = "LOOSENS_WITHOUT_STAGE"
    KILLED = "KILLED"
    """Nothing is loosened while a kill stands."""


class SignalVerdict(StrEnum):
    """What became of a signal that was brought in."""

    ENTERED = "ENTERED"
    """Its bracket is planned and its entry on the way; the same signal never enters again."""
    KNOWN = "KNOWN"
    """It had entered before; nothing was done."""
    DENIED = "DENIED"
    """A guard objected; the key is not burned."""


class KillReason(StrEnum):
    """The three reasons of `trader_kill_switch_total{reason}`."""

    MANUAL = "manual"
    END_OF_DAY = "eod"
    RISK = "risk"
