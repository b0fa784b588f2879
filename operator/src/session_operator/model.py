"""The TradingSession: its spec as it is accepted, each field with the words that `kubectl explain` shows.

The CRD in `crds/` is generated from here. What is not finished is not here: an unknown field is refused by kubectl and
never silently ignored. Money limits stand in profiles and have no defaults anywhere.
"""

from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field

from session_operator.gates import Gates, PostClose
from session_operator.pair import Trader
from session_operator.rules import DNS_LABEL, Part, Rule
from session_operator.stages import Configuration


class Mode(StrEnum):
    """What is wanted of the session."""

    PAPER = "Paper"
    LIVE = "Live"


class BrokerType(StrEnum):
    """Who takes the orders."""

    KITE = "Kite"
    KITESIM = "Kitesim"


class Foreign(StrEnum):
    """What to do about orders and positions of the account that are not this session's."""

    REFUSE = "Refuse"
    IGNORE = "Ignore"


class Exchange(StrEnum):
    """Whose trading hours hold."""

    NFO = "NFO"
    NSE = "NSE"
    ALWAYS_OPEN = "AlwaysOpen"


class Timezone(StrEnum):
    """The exchange's own time zone."""

    KOLKATA = "Asia/Kolkata"


class SecretReference(Part):
    """The name of a Secret in the session's namespace."""

    name: str = Field(
        min_length=1,
        max_length=253,
        pattern=r"^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$",
        description="Name of a Secret in the same namespace as the TradingSession.",
    )


class KillSwitch(Part):
    """Stop: cancel everything, go flat, and stay so until released."""

    rules = (
        Rule(
            "!self.engaged || self.release == ''",
            "killSwitch.release must be empty while killSwitch.engaged is true: set engaged to false to release a kill",
            lambda it: not it.engaged or it.release == "",
            path=".release",
        ),
    )

    engaged: bool = Field(
        default=False,
        description=(
            "true creates a kill: working orders are cancelled, positions are closed, nothing is opened. "
            "false does nothing by itself: a standing kill is lifted only through `release`, so that applying an old "
            "manifest again never releases one."
        ),
    )
    reason: str = Field(
        default="", max_length=256, description="Why, in your words; stands in the journal, in status and in the event."
    )
    release: str = Field(
        default="",
        max_length=128,
        description="Id of the kill to lift, as it stands in status.kill.id. Any other value lifts nothing.",
    )


_OCTET = "(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"


class Egress(Part):
    """Where the traders' requests to the broker come from."""

    rules = (
        Rule(
            "self.registeredAddresses.all(one, self.registeredAddresses.exists_one(other, other == one))",
            "egress.registeredAddresses must name each address once",
            lambda it: len(set(it.registered_addresses)) == len(it.registered_addresses),
            path=".registeredAddresses",
        ),
    )

    registered_addresses: list[
        Annotated[
            str,
            Field(
                max_length=45,
                pattern=rf"^({_OCTET}([.]{_OCTET}){{3}}|[0-9a-fA-F]*:[0-9a-fA-F:.]*)$",
                description="An IPv4 or IPv6 address, such as 203.0.113.7.",
            ),
        ]
    ] = Field(
        min_length=1,
        max_length=2,
        description=(
            "The addresses that are registered with the broker: Kite takes orders from at most two. "
            "A trader that is seen under another one takes no new risk."
        ),
    )
    check_url: str = Field(
        alias="checkURL",
        max_length=512,
        pattern=r"^https?://[^\s@]+$",
        description=(
            "Answers a GET with the caller's address as plain text: a service of yours, or one that you trust. "
            "Each trader asks it before it arms."
        ),
    )
    proxy_url: str | None = Field(
        default=None,
        alias="proxyURL",
        max_length=512,
        pattern=r"^http://[^\s/@]+/?$",
        description=(
            "HTTP proxy for all that goes to the broker (orders, reads, the stream) and to checkURL, such as "
            "http://egress.trading:3128. Without user and password: who may use it is for its NetworkPolicy to say."
        ),
    )


class PaperExchange(Part):
    """A kitesim that mirrors the market of the account's broker."""

    rules = (
        Rule(
            "!self.url.contains('zerodha.') && !self.url.contains('kite.trade') && "
            "!self.streamURL.contains('zerodha.') && !self.streamURL.contains('kite.trade')",
            "broker.paper must be a kitesim (kitesim serve --mirror), never Zerodha",
            lambda it: not any(name in each for name in ("zerodha.", "kite.trade") for each in (it.url, it.stream_url)),
        ),
    )

    url: str = Field(
        max_length=512,
        pattern=r"^https?://[^\s/]+/?$",
        description="REST endpoint of the kitesim, such as http://paper.trading:8080.",
    )
    stream_url: str = Field(
        alias="streamURL",
        max_length=512,
        pattern=r"^wss?://[^\s/]+/?$",
        description="WebSocket endpoint of the kitesim, such as ws://paper.trading:8080.",
    )


class Broker(Part):
    """Who takes the orders, and with which credentials."""

    rules = (
        Rule(
            "self.type != 'Kitesim' || (has(self.url) && has(self.streamURL))",
            "broker.url and broker.streamURL are required with type Kitesim, "
            "for example http://kitesim.trading:8080 and ws://kitesim.trading:8080",
            lambda it: it.type != BrokerType.KITESIM or (it.url is not None and it.stream_url is not None),
        ),
        Rule(
            "self.type != 'Kite' || (!has(self.url) && !has(self.streamURL))",
            "broker.url and broker.streamURL must be absent with type Kite: the official endpoints are built in",
            lambda it: it.type != BrokerType.KITE or (it.url is None and it.stream_url is None),
        ),
    )

    type: BrokerType = Field(description="Kite: Zerodha's Kite Connect. Kitesim: the exchange simulator.")
    url: str | None = Field(
        default=None,
        max_length=512,
        pattern=r"^https?://[^\s/]+[^\s]*$",
        description="REST endpoint of the simulator. Only with type Kitesim, and required there.",
    )
    stream_url: str | None = Field(
        default=None,
        alias="streamURL",
        max_length=512,
        pattern=r"^wss?://[^\s/]+[^\s]*$",
        description="WebSocket endpoint of the simulator. Only with type Kitesim, and required there.",
    )
    credentials_secret_ref: SecretReference = Field(
        description=(
            "Secret with the broker's credentials. Kite: keys api_key, api_secret and access_token. "
            "Kitesim: control_token alone (the trader logs itself in), or the three of Kite, with control_token beside "
            "them where the simulator asks for one before it tells its clock. "
            "With tokenCommand: api_key in place of the three. With paper: control_token of the mirror too. "
            "A key api_token, if present, is the bearer token of the traders' HTTP."
        )
    )
    paper: PaperExchange | None = Field(
        default=None,
        description=(
            "Where orders go in mode Paper: a kitesim that mirrors the live market, to which the leader shows its quotes. "
            "Absent: with type Kitesim another account of the same simulator, with type Kite nothing is traded on paper."
        ),
    )
    token_command: (
        list[Annotated[str, Field(min_length=1, max_length=1024, description="The program, or one argument of it.")]]
        | None
    ) = Field(
        default=None,
        min_length=1,
        max_length=32,
        description=(
            "A program of the trader's image that prints the day's access token, with its arguments, such as the client "
            "of a vault; it runs at the start and whenever the broker refuses the token. It replaces the key "
            "access_token and the login page. Secrets do not belong into it."
        ),
    )
    egress: Egress | None = Field(
        default=None,
        description="Where the traders' requests to the broker come from. Left out: nothing is checked, no proxy is used.",
    )


class Account(Part):
    """The trading account. One TradingSession owns an account; a second one is refused."""

    id: Annotated[
        str,
        Field(
            pattern=r"^[A-Z][A-Z0-9]{3,11}$",
            description="The broker's user id, such as AB1234. Immutable: another account is another TradingSession.",
            json_schema_extra={
                "x-kubernetes-validations": [
                    Rule(
                        "self == oldSelf",
                        "account.id is immutable: make another TradingSession for another account",
                    ).as_schema()
                ]
            },
        ),
    ]
    foreign: Foreign = Field(
        default=Foreign.REFUSE,
        description=(
            "Orders and positions of the account that this session did not make (the same person in the Kite app). "
            "Refuse: no new risk while there are any. Ignore: they count in margin and limits and are never touched."
        ),
    )
    broker: Broker = Field(description="Who takes the orders, and with which credentials.")


class Storage(Part):
    """Where the journal is, and where the leader shows its live picture."""

    database_secret_ref: SecretReference = Field(
        description="Secret whose key url is a postgresql:// URL: journal, outbox, leader epoch and kills."
    )
    redis_secret_ref: SecretReference | None = Field(
        default=None,
        description=(
            "Secret whose key url is a redis:// URL: where the leader shows its live picture to the standby. "
            "Left out: a standby shows none."
        ),
    )


class Calendar(Part):
    """When the market is open."""

    exchange: Exchange = Field(
        description=(
            "Whose trading hours hold. NFO: futures and options of NSE. NSE: its equities. "
            "AlwaysOpen is for simulations: it needs broker.type Kitesim."
        )
    )
    timezone: Timezone = Field(default=Timezone.KOLKATA, description="Time zone of the exchange.")


class Strategy(Part):
    """One strategy inside the session."""

    name: str = Field(
        pattern=DNS_LABEL, max_length=63, description="Name of the strategy, such as opening-range-breakout; unique."
    )
    parameters: dict[str, Any] = Field(
        default={},
        description="The strategy's own parameters; the trader checks them and says what is wrong.",
        json_schema_extra={"x-kubernetes-preserve-unknown-fields": True},
    )


class Notifications(Part):
    """Whom the traders tell of fills, kills, leader changes, what keeps them from trading, and the day's result."""

    secret_ref: SecretReference = Field(
        description=(
            "Secret whose key urls holds one Apprise URL a line: Telegram, mail, webhooks and more. "
            "The traders run without it, but do not arm: their preflight says what is missing."
        )
    )


class Spec(Part):
    """What is wanted: the account, the strategies, the limits, and whether to trade at all."""

    rules = (
        Rule(
            "self.calendar.exchange != 'AlwaysOpen' || self.account.broker.type == 'Kitesim'",
            "calendar.exchange AlwaysOpen needs account.broker.type Kitesim: a real exchange has trading hours",
            lambda it: it.calendar.exchange != Exchange.ALWAYS_OPEN or it.account.broker.type == BrokerType.KITESIM,
            path=".calendar.exchange",
        ),
        Rule(
            "!has(self.gates) || self.gates.burnInDays == 0 || has(self.postClose)",
            "gates.burnInDays needs postClose: a burn-in day is one that was sealed, "
            "for example postClose: {archive: {persistentVolumeClaim: archive}}",
            lambda it: it.gates is None or it.gates.burn_in_days == 0 or it.post_close is not None,
            path=".gates",
        ),
    )

    mode: Mode = Field(
        default=Mode.PAPER,
        description=(
            "What is wanted. Live trades the account, as soon as it is allowed. Paper sends the same orders to a paper "
            "exchange, or none where there is none. Each is flat before the other begins."
        ),
    )
    suspend: bool = Field(
        default=False,
        description="true: no new risk; what is open is protected and closed, then nothing is done. The pods stay.",
    )
    kill_switch: KillSwitch = Field(default=KillSwitch(), description="Stop at once, go flat and stay so.")
    account: Account = Field(description="The trading account; one session owns it.")
    trader: Trader = Field(default=Trader(), description="The pair of trader pods.")
    storage: Storage = Field(description="Where the journal is, and where the leader shows its live picture.")
    calendar: Calendar = Field(description="When the market is open.")
    strategies: list[Strategy] = Field(
        min_length=1,
        max_length=16,
        description="What the session trades by; at least one, names unique.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
    )
    config: Configuration = Field(description="Which risk limits hold.")
    notifications: Notifications | None = Field(
        default=None, description="Whom to tell what happens. Left out: nobody is told."
    )
    gates: Gates | None = Field(
        default=None,
        description=(
            "What must be satisfied before new risk is taken in mode Live; until then LiveAllowed is False, and what is "
            "open is reduced. Left out: nothing is asked for, which suits a simulation; with type Kite in mode Live the "
            "operator warns of it."
        ),
    )
    post_close: PostClose | None = Field(
        default=None,
        description=(
            "Seal each trading day by a Job once the market has closed: database snapshot, logs, report, checksums. "
            "With AlwaysOpen, which has no close, only when asked (kubectl tsn post-close). Left out: only when asked."
        ),
    )
