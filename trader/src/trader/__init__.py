"""The trading engine of a TradingSession: a pure core (`domain`) in a thin shell (`engine`, `adapters`, `app`)."""
