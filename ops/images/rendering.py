"""Writes down which images were built: for programs as JSON, for the chart as a values file.

The texts are pure; writing replaces a file as a whole, so a reader never sees half of one.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path


def as_json(references: Mapping[str, str]) -> str:
    """Render `build/images.json`: {name: reference}."""
    return json.dumps(dict(sorted(references.items())), indent=2) + "\n"


def as_values(references: Mapping[str, str]) -> str:
    """Render the Helm values that make the chart run these images. JSON is YAML, and needs no quoting rules."""
    values = {}
    for name, reference in sorted(references.items()):
        repository, tag = split(reference)
        values[name] = {"image": {"repository": repository, "tag": tag, "digest": ""}}
    return f"# Written by `python -m ops.images build`.\n{json.dumps(values, indent=2)}\n"


def split(reference: str) -> tuple[str, str]:
    """Split an image reference into repository and tag; a port of a registry is no tag."""
    repository, colon, tag = reference.rpartition(":")
    if not colon or "/" in tag:
        raise ValueError(f"an image reference needs a tag, was {reference!r}")
    return repository, tag


def write(path: Path, text: str) -> None:
    """Replace a file as a whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    aside.write_text(text)
    aside.replace(path)
