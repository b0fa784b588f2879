"""Runs the command line: `python -m ops.images`."""

from ops.images.cli import main

main()
