"""The official client is loaded without its ticker, and is the official one all the same."""

import subprocess
import sys

SCRIPT = """
import sys
from trader.adapters.kite.official import KiteConnect, KiteException
assert not [name for name in sys.modules if name.startswith(("twisted", "autobahn"))]
import kiteconnect
assert kiteconnect.KiteTicker.__module__ == "kiteconnect.ticker"
assert kiteconnect.KiteConnect is KiteConnect
assert kiteconnect.exceptions.KiteException is KiteException
"""


def test_twisted_is_loaded_by_whoever_asks_for_the_ticker() -> None:
    """Not by us; and the package stays whole for others, with one and the same client in it."""
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 0, done.stderr
