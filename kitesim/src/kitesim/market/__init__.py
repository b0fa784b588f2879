"""The market: instruments, seeded price paths, quotes and the depth around the last price."""
