"""The asyncio shell of the domain: one task owns the state, makes effects durable, and performs them through Protocols."""
