"""Writes `configs/schema/profile.schema.json` from the profile model: `python -m trader.app.schema [FILE]`."""

import json
import sys
from pathlib import Path
from typing import Any

from trader.app.profiles import Profile

TARGET = Path("configs/schema/profile.schema.json")


def profile_schema() -> dict[str, Any]:
    """The JSON schema of a profile."""
    schema = Profile.model_json_schema()
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "title": "Risk profile of a TradingSession",
    }


def text() -> str:
    """The file's text."""
    return json.dumps(profile_schema(), indent=2, sort_keys=True) + "\n"


def main() -> None:
    """Write it."""
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else TARGET
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text(), encoding="utf-8")


if __name__ == "__main__":
    main()
