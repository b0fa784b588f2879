"""Drills: break a real system on purpose, and let the exchange's log judge whether the promises held.

A drill goes through fixed phases: steady state, inject, observe, recover, steady state, check. What runs in it is the product:
`trader run --session` in processes of its own, against a kitesim in a process of its own, over real sockets.
"""
