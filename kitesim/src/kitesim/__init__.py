"""A Kite Connect exchange that runs on your machine and that the official clients believe.

One port serves the REST routes, the binary WebSocket and a control surface.
It decides nothing about trading and imports nothing of any trading engine, so that it can judge one.
"""

__version__ = "0.1.0"
