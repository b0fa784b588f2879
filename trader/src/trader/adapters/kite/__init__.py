"""Zerodha Kite: REST through the official client with the order gate in its transport, and a stream client of our own."""
