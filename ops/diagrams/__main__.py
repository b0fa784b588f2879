"""Writes docs/reference/state-machines.md."""

from ops.diagrams.page import PAGE, write

write()
print(f"written to {PAGE}")
