"""The JSON schema of profiles, from the package: a copy of what the traders' distribution generates."""

import json
from importlib.resources import files
from typing import Any

from jsonschema import Draft202012Validator


def profile_schema() -> dict[str, Any]:
    """Read the schema."""
    text = (files("session_operator") / "schema" / "profile.schema.json").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text)
    return found


def profile_validator() -> Draft202012Validator:
    """Build the validator of profiles."""
    schema = profile_schema()
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)
