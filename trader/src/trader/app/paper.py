"""Trading on paper: where orders go when none may reach the account, and what keeps the two apart.

The engine has no branch for it: it gets ports that lead elsewhere. At a simulator paper is another account of the same exchange;
at Kite it is a kitesim that mirrors the live market. Whatever is of paper carries the paper account's name: order book, journal,
outbox, intents, budget. Lease, epoch and kills are the account's own: one leader and one kill, whichever of the two is traded.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from trader.app.documents import ConfigInvalid
from trader.app.settings import Settings
from trader.domain.values import AccountId
from trader.engine.ports import BrokerLink

SUFFIX: Final = "paper"
"""Lower case: a TradingSession's account has none, so that no account of a broker is ever called like a paper account."""
ZERODHA: Final = ("kite.trade", "zerodha.com", "zerodha.net")


@dataclass(frozen=True, slots=True)
class PaperExchange:
    """Where orders go on paper."""

    account: AccountId
    url: str
    stream_url: str
    mirrors: bool
    """Whether it follows another market, which is pushed to it; else it is the market itself."""

    def check(self, real: AccountId) -> None:
        """Refuse what could be taken for the account itself, or for Zerodha.

        Raises:
            ConfigInvalid: it could.
        """
        if self.account == real or not self.account.endswith(SUFFIX):
            raise ConfigInvalid([f"paper: its account must be another one than {real}, was {self.account}"])
        for address in (self.url, self.stream_url):
            host = (urlsplit(address).hostname or "").rstrip(".")
            if not host or any(host == each or host.endswith(f".{each}") for each in ZERODHA):
                raise ConfigInvalid([f"broker.paper: must be a kitesim, never Zerodha, was {address!r}"])


def paper_account(account: str) -> AccountId:
    """The name under which an account trades on paper."""
    return AccountId(f"{account}{SUFFIX}")


def paper_exchange(settings: Settings) -> PaperExchange | None:
    """Where this session's orders go on paper; None where it has no place for that.

    Raises:
        ConfigInvalid: the place could be taken for the account itself.
    """
    broker, real = settings.session.broker, AccountId(settings.session.account.id)
    url, stream_url = broker.url, broker.stream_url
    if broker.paper is not None:
        url, stream_url = broker.paper.url, broker.paper.stream_url
    if url is None or stream_url is None:
        return None
    found = PaperExchange(
        paper_account(real), url.rstrip("/"), stream_url.rstrip("/"), mirrors=broker.paper is not None
    )
    found.check(real)
    return found


class GuardedLink:
    """A `BrokerLink` that opens only when somebody has nothing against it."""

    def __init__(
        self, link: BrokerLink, may_lead: Callable[[], Awaitable[None]], proved: Callable[[], Awaitable[None]]
    ) -> None:
        """`may_lead` is asked before it is opened, `proved` after."""
        self._link = link
        self._may_lead = may_lead
        self._proved = proved

    async def open(self) -> None:
        """Ask, open, and look what was opened.

        Raises:
            Outcome: it must not be opened now, or cannot.
        """
        await self._may_lead()
        await self._link.open()
        await self._proved()

    async def close(self) -> None:
        """As the link's."""
        await self._link.close()
