"""The official ticker in a process of its own: its reactor cannot be started twice.

Prints each callback as a line. Reads lines of JSON, `[method, argument…]`, and calls that method on the reactor's thread.
"""

import json
import sys
from threading import Thread
from typing import Any

from kiteconnect import KiteTicker
from twisted.internet import reactor


def main() -> None:
    """Connect, subscribe as asked, and print until killed."""
    url, api_key, access_token, subscriptions, *options = sys.argv[1:]
    ticker = KiteTicker(api_key, access_token, root=url, **json.loads(options[0] if options else "{}"))

    def say(event: str, *content: Any) -> None:
        print(json.dumps([event, *content], default=str), flush=True)

    def connected(socket: Any, _: Any) -> None:
        for mode, tokens in json.loads(subscriptions).items():
            socket.subscribe(tokens)
            socket.set_mode(mode, tokens)
        say("connect")

    ticker.on_connect = connected
    ticker.on_open = lambda _: say("open")
    ticker.on_ticks = lambda _, ticks: say("ticks", ticks)
    ticker.on_order_update = lambda _, update: say("order", update)
    ticker.on_message = lambda _, payload, is_binary: (
        say("bytes", len(payload)) if is_binary else say("text", len(payload))
    )
    ticker.on_error = lambda _, code, reason: say("error", code, reason)
    ticker.on_close = lambda _, code, reason: say("close", code, reason)
    ticker.on_reconnect = lambda _, attempts: say("reconnect", attempts)
    ticker.on_noreconnect = lambda _: say("noreconnect")

    def obey() -> None:
        for line in sys.stdin:
            name, *arguments = json.loads(line)
            reactor.callFromThread(lambda: say("answer", name, getattr(ticker, name)(*arguments)))  # noqa: B023

    Thread(target=obey, daemon=True).start()
    ticker.connect()
    say("stopped")


if __name__ == "__main__":
    main()
