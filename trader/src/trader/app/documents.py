"""YAML documents into strict pydantic models, with one line for each problem.

YAML is read without its surprises: a key that stands twice is an error, and what JSON does not know (dates, sets) is too.
"""

import json
from collections.abc import Hashable
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

Model = TypeVar("Model", bound=BaseModel)


class ConfigInvalid(Exception):  # noqa: N818 - says what is wrong
    """The configuration cannot be used; one line for each problem."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class _StrictLoader(yaml.SafeLoader):
    """Refuses a key that stands twice; plain YAML lets the last one win in silence."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=deep)
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key!r} stands twice", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep=deep)


# A date stays the text that it is: the models say what they take for a date.
_StrictLoader.yaml_implicit_resolvers = {
    letter: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for letter, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def load(path: Path, model: type[Model]) -> Model:
    """Read a document from a file.

    Raises:
        ConfigInvalid: unreadable, no YAML, or not what the model asks for.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigInvalid([f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}"]) from error
    return parse(text, str(path), model)


def first_key(path: Path) -> str:
    """The first key of a document, empty when it has none; loading it says what is wrong then."""
    try:
        document = yaml.load(path.read_text(encoding="utf-8"), _StrictLoader)  # noqa: S506 - a SafeLoader underneath
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return ""
    return str(next(iter(document), "")) if isinstance(document, dict) else ""


def parse(text: str, name: str, model: type[Model]) -> Model:
    """Read a document from a text that is known by this name.

    Raises:
        ConfigInvalid: as `load`.
    """
    try:
        document = yaml.load(text, _StrictLoader)  # noqa: S506 - a SafeLoader underneath
    except yaml.MarkedYAMLError as error:
        where = f":{error.problem_mark.line + 1}" if error.problem_mark else ""
        raise ConfigInvalid([f"{name}{where}: is no YAML: {error.problem}"]) from error
    except yaml.YAMLError as error:
        raise ConfigInvalid([f"{name}: is no YAML: {error}"]) from error
    if not isinstance(document, dict):
        raise ConfigInvalid([f"{name}: must be a mapping of fields, was {type(document).__name__}"])
    try:
        return model.model_validate_json(json.dumps(document))
    except TypeError as error:
        raise ConfigInvalid(
            [f"{name}: holds a value that is neither text, number, list nor mapping: {error}"]
        ) from error
    except ValidationError as error:
        raise ConfigInvalid([f"{name}: {_line(each)}" for each in error.errors()]) from error


def _line(error: ErrorDetails) -> str:
    """Field, what would be right, and what was found."""
    field = "".join(f"[{each}]" if isinstance(each, int) else f".{each}" for each in error["loc"]).lstrip(".")
    found = error["input"]
    match error["type"]:
        case "missing":
            return f"{field}: is missing"
        case "extra_forbidden":
            return f"{field}: is no field of this document; check the spelling"
        case "value_error":
            wrong = str(error.get("ctx", {}).get("error", error["msg"]))
        case _:
            wrong = error["msg"][0].lower() + error["msg"][1:]
    if isinstance(found, dict | list):
        return f"{field}: {wrong}" if field else wrong
    return f"{field}: {wrong}, was {found!r}"
