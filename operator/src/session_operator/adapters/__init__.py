"""The operator's hands: the API server, kopf's watches, clocks, metrics."""
