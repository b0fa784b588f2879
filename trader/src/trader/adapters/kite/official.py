"""The official client without its ticker.

`import kiteconnect` runs the package's `__init__`, which loads the ticker and with it Twisted's reactor: a quarter of this
program's start, for a part that we do not use (docs/adr and the stream's own docstring say why). So the package is put in place
unexecuted, and runs its `__init__` when somebody asks it for anything else than its modules.
"""

import importlib.util
import sys
from typing import Any


def _hollow(name: str) -> None:
    """Put the package in place; its modules can be imported, its own names load it whole."""
    spec = importlib.util.find_spec(name)
    assert spec is not None, f"{name} is not installed"
    assert spec.loader is not None, f"{name} has no loader"
    loader = spec.loader
    package = importlib.util.module_from_spec(spec)

    def load(attribute: str) -> Any:
        if attribute.startswith("__"):
            raise AttributeError(attribute)
        del package.__dict__["__getattr__"]
        loader.exec_module(package)
        return getattr(package, attribute)

    package.__dict__["__getattr__"] = load
    sys.modules[name] = package


if "kiteconnect" not in sys.modules:
    _hollow("kiteconnect")

from kiteconnect.connect import KiteConnect  # noqa: E402 - after the package is in place
from kiteconnect.exceptions import KiteException  # noqa: E402 - as above

__all__ = ["KiteConnect", "KiteException", "proxies"]


def proxies(url: str | None) -> dict[str, str]:
    """What a session of `requests` is told of an HTTP proxy; none without one."""
    return {"http": url, "https": url} if url is not None else {}
