"""The outside world behind the engine's Protocols: Kite, SQL, Kubernetes, clocks. Adapters know nothing of each other."""
