"""Profiles of risk limits: found by name, read, and judged before any pod sees them.

A profile that is missing, unreadable or out of bounds stops the roll-out of a new configuration; pods that run keep
the last good one.
"""

from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError, best_match

from session_operator.domain.names import profile_key
from session_operator.domain.observed import Problem

Profile = Mapping[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class ProfileSource:
    """Where profiles come from: the ConfigMap's name for messages, and the schema they must meet."""

    config_map: str
    validator: Draft202012Validator


def read_profiles(
    names: Sequence[str], strategies: Collection[str], profiles: Mapping[str, str] | None, source: ProfileSource
) -> dict[str, Profile] | tuple[Problem, ...]:
    """Find and judge the profiles of all stages; `strategies` are the session's."""
    found: dict[str, Profile] = {}
    problems: list[Problem] = []
    for number, name in enumerate(names):
        profile = read_profile(name, profiles, source, f"config.stages[{number}].profile")
        if isinstance(profile, Problem):
            problems.append(profile)
        else:
            found[name] = profile
    if problems:
        return tuple(problems)
    return _strategy_problems(found, strategies, source) or found


def _strategy_problems(
    found: Mapping[str, Profile], strategies: Collection[str], source: ProfileSource
) -> tuple[Problem, ...]:
    """A trader takes the parameters of strategies at its start: no stage can change them under way."""
    first = next(iter(found.values())).get("strategies") or {}
    for name, profile in found.items():
        where = f"{profile_key(name)} in ConfigMap {source.config_map}: strategies"
        mine = profile.get("strategies") or {}
        unknown = sorted(set(mine) - set(strategies))
        if unknown:
            return (Problem("ProfileInvalid", f"{where}: the session does not run {', '.join(unknown)}"),)
        if mine != first:
            text = "must be the same in the profiles of all stages: parameters change with a restart only"
            return (Problem("ProfileInvalid", f"{where} {text}"),)
    return ()


def read_profile(
    name: str,
    profiles: Mapping[str, str] | None,
    source: ProfileSource,
    field: str = "config.stages[0].profile",
) -> Profile | Problem:
    """Find and judge the profile of that name."""
    key = profile_key(name)
    if profiles is None:
        return Problem(
            "ProfileMissing", f"ConfigMap {source.config_map} does not exist: profile {name} needs its {key}"
        )
    if key not in profiles:
        known = ", ".join(sorted(profiles)) or "none"
        return Problem(
            "ProfileMissing",
            f"{field} {name!r} needs key {key} in ConfigMap {source.config_map}; its keys: {known}",
        )
    found = _judge(name, profiles[key], source)
    return (
        Problem("ProfileInvalid", f"{key} in ConfigMap {source.config_map}{found}") if isinstance(found, str) else found
    )


@lru_cache(maxsize=256)  # each look at each session asks the same of the same few texts
def _judge(name: str, text: str, source: ProfileSource) -> Profile | str:
    """Read the text; says what is wrong with it, to be put behind the profile's name."""
    try:
        found = yaml.load(text, _StrictLoader)  # noqa: S506  # a SafeLoader underneath
    except yaml.YAMLError as error:
        return f" is not YAML: {_place(error)}"
    if not isinstance(found, dict):
        return f" must be a mapping of limits, was {type(found).__name__}"
    worst = best_match(source.validator.iter_errors(found))
    if worst is not None:
        return f": {_explain(worst)}"
    if found.get("name", name) != name:
        return f": name: must be {name!r}, as its key says, was {found['name']!r}"
    return found


class _StrictLoader(yaml.SafeLoader):
    """Refuses a key that stands twice: plain YAML lets the last one win, and a limit must not be won by luck."""

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


def _place(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or "unreadable"
    return f"{problem} in line {mark.line + 1}, column {mark.column + 1}" if mark is not None else problem


def _explain(error: ValidationError) -> str:
    path = ".".join(str(part) for part in error.absolute_path)
    return f"{path}: {error.message}" if path else error.message
