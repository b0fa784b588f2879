"""Loads what an engine run by hand needs until it trades, also what its libraries load at first use; touches nothing else."""

import contextlib
import importlib
from typing import Final

_ENGINE: Final = ("trader.app.cli", "trader.app.by_hand", "trader.app.http", "trader.app.running")
_EXCHANGE: Final = "trader.app.simulation"
_AT_FIRST_USE: Final = (
    "anyio._backends._asyncio",
    "httpcore",
    "psycopg",
    "pydantic.v1",
    "sqlalchemy.dialects.postgresql.psycopg",
    "sqlalchemy.dialects.sqlite.pysqlite",
    "sqlite3",
    "uvicorn.lifespan.on",
    "uvicorn.protocols.http.auto",
    "uvicorn.protocols.websockets.auto",
)
"""Only quicker for being here: found as what `sys.modules` of a LIVE trader had more than `_ENGINE` brings."""


def load_engine(*, has_exchange: bool) -> None:
    """Import all of it; `has_exchange`: the engine brings a simulated exchange of its own."""
    for name in (*_ENGINE, *([_EXCHANGE] if has_exchange else [])):
        importlib.import_module(name)
    for name in _AT_FIRST_USE:
        with contextlib.suppress(ImportError):  # a library that has changed inside
            importlib.import_module(name)
