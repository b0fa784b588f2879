"""What is run before the market opens, from a checkout: `make verify` and `make smoke-test`.

The commands of the checklist's pre-flight: `alembic upgrade head`, `make verify`, `make smoke-test`, `make red-team-drills`,
`make failure-drills`. The first two look at files only; the third trades once, on a fresh stack of its own.
"""
