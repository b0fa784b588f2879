"""Runs the command line: `python -m ops.cluster`."""

from ops.cluster.cli import main

main()
