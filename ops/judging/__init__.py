"""Judges: pure checkers of the promises over kitesim's truth log.

The same checkers serve the component tests, the cluster tests, the drills and the demo: what a judge says is never the
product's own opinion of itself. The exchange's log is the only witness; the tag of an order tells epoch, intent, leg and attempt.
"""
