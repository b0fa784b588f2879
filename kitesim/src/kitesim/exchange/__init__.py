"""The exchange: users, orders, matching, positions and money. No sockets, no asyncio."""
