"""The day's report goes to the desk by whatever the session's notifications name; a desk that cannot be told loses no archive."""

import asyncio
from pathlib import Path
from typing import Final

from trader.adapters.desk_messages import AppriseDesk, DeskAway

LONGEST: Final = 3_500
"""Telegram takes 4,096 characters, most others more."""


def tell(folder: Path, title: str, text: str) -> str:
    """Send a message to all of them, once; in a word or two what came of it, without anything of their URLs."""
    desk = AppriseDesk(folder / "urls")
    if not desk.services:
        return "Nobody is named"
    try:
        asyncio.run(desk.send(title, _fitting(text)))
    except DeskAway as away:
        return f"Not told: {away}"
    return f"Told {desk.services}"


def _fitting(text: str) -> str:
    """Whole lines of it; the rest stands in the archive."""
    if len(text) <= LONGEST:
        return text
    kept = text[:LONGEST].rsplit("\n", 1)[0]
    return f"{kept}\n… the rest is in the archive\n"
