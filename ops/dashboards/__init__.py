"""The Grafana dashboard of the first hour, made from one list of questions; `python -m ops.dashboards` writes it."""
