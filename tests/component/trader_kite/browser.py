"""A real browser as a phone."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from ops.captures.browsers import Tab, browser, chromium

__all__ = ["Phone", "chromium", "phone"]

Phone = Tab
"""One tab of the size of a phone's screen."""


@asynccontextmanager
async def phone(directory: Path) -> AsyncIterator[Phone]:
    """A browser of its own while the block runs."""
    async with browser(directory) as driven:
        await driven.call("Emulation.setDeviceMetricsOverride", width=360, height=740, deviceScaleFactor=3, mobile=True)
        yield driven
