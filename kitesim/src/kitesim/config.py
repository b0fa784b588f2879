"""The typed configuration: command line over file over default.

Every figure that the research marks as unverified is a field here, with the reason for its default in its description.
A bad value ends the program with code 2 and one message that names the field, the value and what would be right.
"""

import datetime as dt
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from kitesim.calendars import MarketMode
from kitesim.errors import ConfigInvalid


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class UserConfig(_Section):
    """A user that exists from the start."""

    user_id: str = Field(min_length=1, max_length=20, pattern=r"^[A-Za-z0-9]+$")
    api_key: str | None = Field(default=None, description="made from the user id when absent")
    api_secret: str | None = Field(default=None, description="drawn at random when absent")
    redirect_url: str | None = Field(
        default=None,
        pattern=r"^https?://[^\s]+$",
        description="where the login page sends the browser with the request token; a page of kitesim when absent",
    )
    postback_url: str | None = Field(
        default=None, pattern=r"^https?://[^\s]+$", description="gets every order update as an HTTP POST"
    )
    funds: float | None = Field(default=None, ge=0, le=1e13)


class Latencies(_Section):
    """Machine time between the states of an order, in milliseconds; 0 does the step at once."""

    received_ms: float = Field(1.0, ge=0, le=60_000, description="PUT ORDER REQ RECEIVED to VALIDATION PENDING")
    validation_ms: float = Field(1.0, ge=0, le=60_000, description="VALIDATION PENDING to OPEN PENDING or REJECTED")
    exchange_ms: float = Field(2.0, ge=0, le=60_000, description="to the exchange: open, modify, cancel")
    reply_ms: float = Field(0.0, ge=0, le=60_000, description="added to the reply of every order call")

    @classmethod
    def none(cls) -> "Latencies":
        """Return latencies of zero, for benchmarks."""
        return cls(received_ms=0, validation_ms=0, exchange_ms=0)


class Limits(_Section):
    """Requests a user may make; https://kite.trade/docs/connect/v3/exceptions/#api-rate-limit. 0 means no limit."""

    enabled: bool = True
    orders_per_second: int = Field(10, ge=0)
    orders_per_minute: int = Field(400, ge=0)
    orders_per_day: int = Field(5000, ge=0)
    quotes_per_second: int = Field(1, ge=0)
    historical_per_second: int = Field(3, ge=0)
    others_per_second: int = Field(10, ge=0)
    modifications_per_order: int = Field(25, ge=0)
    changes_count_as_orders: bool = Field(
        True,
        description="modify and cancel share the orders' second and minute; whether they do at Kite is not documented, "
        "and a client that holds the stricter reading is right under both",
    )


class Margins(_Section):
    """Margin as a share of notional: an approximation, SPAN is not modelled."""

    derivatives: float = Field(0.12, gt=0, le=1)
    intraday_equity: float = Field(0.20, gt=0, le=1)
    refusal: Literal["row", "exception"] = Field(
        "row", description="too little money makes a REJECTED row (as the order book mock shows) or a MarginException"
    )


class ChargesSettings(_Section):
    """What trades cost; the rates are rows of data/charges.yaml with source and day of effect."""

    taken: Literal["trade", "never"] = Field(
        "trade",
        description="charges leave the cash with each trade, so that cash, positions and trades add up at any moment "
        "(Zerodha books them in the night), or never",
    )
    file: Path | None = Field(None, description="a table in place of the packaged one")
    square_off_fee: float = Field(
        50.0, ge=0, le=10_000, description="rupees an order of the intraday square-off, plus GST: support.zerodha.com"
    )


class PriceProtection(_Section):
    """Limit price protection: how far beyond the last price a limit may stand; support.zerodha.com, LPP range."""

    enabled: bool = True
    futures_percent: float = Field(3.0, gt=0, le=100)
    options_percent: float = Field(40.0, gt=0, le=100, description="of a premium above `options_from` rupees")
    options_rupees: float = Field(20.0, gt=0, le=100_000, description="of a premium up to `options_from` rupees")
    options_from: float = Field(50.0, ge=0, le=100_000)


class Postbacks(_Section):
    """HTTP postbacks to `postback_url` of a user."""

    attempts: int = Field(1, ge=1, le=10, description="whether Kite tries again is not documented, so it is not done")
    timeout_seconds: float = Field(5.0, gt=0, le=60)


class Rules(_Section):
    """Behaviour that Kite's documentation leaves open."""

    refuse_passed_trigger: bool = Field(
        True, description="a stop whose trigger the last price has passed is refused with 400, as public logs show"
    )
    modify_quantity: Literal["total", "remaining"] = Field(
        "total", description="what `quantity` of a modification means; undocumented, total is what the web screen shows"
    )
    token_expiry: bool = Field(True, description="access tokens end at 06:00 IST of the next day, in market time")
    single_session: bool = Field(False, description="a new access token ends the user's older ones")
    refresh_tokens: bool = Field(
        False,
        description="sessions have a refresh token; individuals get an empty one, only approved platforms have it",
    )
    static_ips: list[str] = Field(
        default_factory=list,
        max_length=16,
        description="addresses that may call the order routes; empty: all. Kite registers two per developer account",
    )
    static_ips_guard_gtt: bool = Field(
        False, description="the addresses hold for the GTT routes too; the announcement names order routes only"
    )
    square_off: dict[str, dt.time] = Field(
        default_factory=lambda: {
            "NSE": dt.time(15, 20),
            "BSE": dt.time(15, 20),
            "NFO": dt.time(15, 25),
            "BFO": dt.time(15, 25),
        },
        description="when MIS positions of an exchange are closed, in the exchange's own hours only; the published "
        "times precede the closing auction of 2026-08-03. An exchange that is closed by then squares off earlier",
    )
    autoslice_shape: Literal["children", "flat"] = Field(
        "children", description="the mocks and the official clients show a parent with children, the docs page a list"
    )
    autoslice_most: int = Field(10, ge=1, le=100, description="slices of one order: kite.trade/forum/discussion/15912")
    disclosed_minimum: float = Field(
        0.0, ge=0, le=1, description="least share of the quantity to disclose; exchanges have one, Kite documents none"
    )
    most_gtts: int = Field(500, ge=1, le=100_000, description="active triggers of a user: support.zerodha.com, GTT")
    holdings_authorisation: bool = Field(
        False,
        description="CNC sales need POST /portfolio/holdings/authorise first; clients with a demat consent do not",
    )


class Stream(_Section):
    """The WebSocket."""

    tick_interval_ms: float = Field(500.0, ge=20, le=60_000, description="machine time between ticks of an instrument")
    heartbeat_ms: float = Field(1000.0, ge=50, le=60_000, description="silence after which one byte is sent")
    most_instruments: int = Field(3000, ge=1, description="per connection")
    most_connections: int = Field(3, ge=1, description="per API key")
    buffered_frames: int = Field(64, ge=1, description="tick frames kept for a slow client; older ones are dropped")


class SimulatorConfig(_Section):
    """Everything that a simulator needs to know."""

    host: str = "127.0.0.1"
    port: int = Field(8080, ge=0, le=65_535, description="0 takes a free one")
    seed: int = 1
    date: dt.date | None = Field(None, description="the first trading day; today when absent")
    start: dt.time = dt.time(9, 15)
    speed: float = Field(1.0, ge=0, le=100_000, description="market seconds per machine second")
    market: MarketMode = "always-open"
    strikes: int = Field(
        10, ge=0, le=500, description="option strikes listed on each side of an index; 0 lists no options"
    )
    funds: float = Field(1_000_000.0, ge=0, le=1e13, description="rupees of a user that login makes")
    control_token: str | None = Field(None, min_length=1, repr=False)
    control_token_file: Path | None = Field(None, description="a file with the bearer token of the control routes")
    calendar_file: Path | None = None
    replay: Path | None = Field(
        None, description="recorded ticks (CSV, or Parquet with kitesim[parquet]) that the market follows"
    )
    mirror: bool = Field(
        False,
        description="nothing moves by itself, and only what was pushed trades; market time is the machine's unless "
        "`date` or `start` say otherwise",
    )
    faults_file: Path | None = Field(None, description="a scenario: a YAML file with a list `faults`")
    log_capacity: int = Field(200_000, ge=1_000)
    first_order_id: int | None = Field(
        None, ge=1, description="the machine's time when absent, so that a restart never repeats an order id"
    )
    users: list[UserConfig] = Field(default_factory=list)
    latencies: Latencies = Field(default_factory=Latencies)
    limits: Limits = Field(default_factory=Limits)
    margins: Margins = Field(default_factory=Margins)
    charges: ChargesSettings = Field(default_factory=ChargesSettings)
    price_protection: PriceProtection = Field(default_factory=PriceProtection)
    postbacks: Postbacks = Field(default_factory=Postbacks)
    rules: Rules = Field(default_factory=Rules)
    stream: Stream = Field(default_factory=Stream)


def load(path: Path | None, **overrides: object) -> SimulatorConfig:
    """Read a configuration file and lay the given values over it; None overrides nothing.

    Raises:
        ConfigInvalid: the file cannot be read, or a value is wrong.
    """
    content: dict[str, Any] = {}
    if path is not None:
        try:
            loaded = yaml.safe_load(path.read_text())
        except OSError as error:
            raise ConfigInvalid(f"{path}: cannot be read: {error.strerror}") from error
        except yaml.YAMLError as error:
            raise ConfigInvalid(f"{path}: is not YAML: {' '.join(str(error).split())}") from error
        if loaded is not None and not isinstance(loaded, dict):
            raise ConfigInvalid(f"{path}: expected a mapping of fields, was a {type(loaded).__name__}")
        content = loaded or {}
    content |= {name: value for name, value in overrides.items() if value is not None}
    try:
        return SimulatorConfig.model_validate(content)
    except ValidationError as error:
        raise ConfigInvalid(_explain(error)) from error


def _explain(error: ValidationError) -> str:
    """Return one line that names each wrong field, its value and what would be right."""
    parts = []
    for problem in error.errors():
        field = ".".join(str(part) for part in problem["loc"])
        if problem["type"] == "extra_forbidden":
            parts.append(f"{field}: no such field; `kitesim config fields` lists them")
        else:
            parts.append(f"{field}: {problem['msg']}, was {problem['input']!r}")
    return "; ".join(parts)


def control_token(config: SimulatorConfig) -> str | None:
    """Return the bearer token of the control routes, from the value or from its file.

    Raises:
        ConfigInvalid: the file cannot be read or is empty.
    """
    if config.control_token_file is None:
        return config.control_token
    try:
        token = config.control_token_file.read_text().strip()
    except OSError as error:
        raise ConfigInvalid(
            f"control_token_file: {config.control_token_file} cannot be read: {error.strerror}"
        ) from error
    if not token:
        raise ConfigInvalid(
            f"control_token_file: {config.control_token_file} is empty; expected one line with the token"
        )
    return token
