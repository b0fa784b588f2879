"""Keeps the chart equal to what it is made from; `python -m ops.chart sync` copies, `check` tells what differs."""
