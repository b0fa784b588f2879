"""A real Prometheus on the test cluster: prometheus-operator and what it runs, from their own sources where none can be pulled."""
