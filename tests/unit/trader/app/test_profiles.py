"""Profiles are complete, bounded and checked in words; what is published as their schema is what the model says."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from click.testing import CliRunner

from trader.app import schema
from trader.app.cli import main
from trader.app.documents import ConfigInvalid, load, parse
from trader.app.profiles import Profile, risk_profile

CONFIGS = Path("configs")
PROFILES = sorted(each for each in CONFIGS.glob("*.yaml") if "per_trade_risk" in each.read_text())


def spoiled(**changes: Any) -> str:
    """The paper profile with some fields changed; None leaves one out."""
    document = yaml.safe_load((CONFIGS / "paper.yaml").read_text()) | changes
    return yaml.safe_dump({name: value for name, value in document.items() if value is not None})


def test_the_schema_is_the_models() -> None:
    """The file that the operator reads is generated: `python -m trader.app.schema`."""
    assert (CONFIGS / "schema" / "profile.schema.json").read_text() == schema.text()


@pytest.mark.parametrize("path", PROFILES, ids=lambda path: path.stem)
def test_every_profile_passes_model_and_schema(path: Path) -> None:
    """What comes with the product is valid for trader and operator."""
    profile = load(path, Profile)
    jsonschema.validate(yaml.safe_load(path.read_text()), schema.profile_schema())
    assert risk_profile(profile).name == profile.name


def test_the_canary_is_as_small_as_the_checklist_says() -> None:
    """0.25 % a trade, 1.0 % heat, 1.0 % daily loss, index futures only."""
    profile = risk_profile(load(CONFIGS / "canary_live.yaml", Profile))
    assert (profile.per_trade_risk_ppm, profile.max_heat_ppm, profile.max_daily_loss_ppm) == (2_500, 10_000, 10_000)
    assert set(profile.underlyings) <= {"NIFTY", "BANKNIFTY", "FINNIFTY", "MIDCPNIFTY"}
    assert profile.kinds == ("FUT",)


def test_full_is_within_the_bound_of_heat() -> None:
    """0.5 % a trade, 2.0 % heat, 2.0 % daily loss."""
    profile = risk_profile(load(CONFIGS / "full_live.yaml", Profile))
    assert (profile.per_trade_risk_ppm, profile.max_heat_ppm, profile.max_daily_loss_ppm) == (5_000, 20_000, 20_000)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (spoiled(max_heat=None), "max_heat: is missing"),
        (spoiled(max_heat=0.03), "max_heat: input should be less than or equal to 0.02, was 0.03"),
        (spoiled(per_trade_risk=0), "per_trade_risk: input should be greater than 0, was 0"),
        (spoiled(per_trade_risk="0.01"), "per_trade_risk: input should be a valid number, was '0.01'"),
        (spoiled(per_trade_risk=0.02), "per_trade_risk must be at most max_heat, was 0.02 over 0.01"),
        (spoiled(max_heat=0.01000001), "max_heat: must be a whole number of millionths, was 0.01000001"),
        (spoiled(leverage=3), "leverage: is no field of this document; check the spelling"),
        (
            spoiled(instruments={"underlyings": ["nifty"], "kinds": ["FUT"]}),
            "instruments.underlyings[0]: string should match",
        ),
        ("name: paper\nname: other\n", "the key 'name' stands twice"),
        ("- a list", "must be a mapping of fields, was list"),
        ("name: [torn", "is no YAML"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(text: str, problem: str) -> None:
    """Field, what would be right, what was found."""
    with pytest.raises(ConfigInvalid) as caught:
        parse(text, "profile.yaml", Profile)
    assert any(problem in line and line.startswith("profile.yaml") for line in caught.value.problems), (
        caught.value.problems
    )


def test_the_command_checks_all_files_and_ends_with_2(tmp_path: Path) -> None:
    """Every problem of every file on standard error; good files are named too."""
    bad = tmp_path / "bad.yaml"
    bad.write_text(spoiled(max_heat=0.5, name="Bad Name"))
    ended = CliRunner().invoke(
        main, ["config", "check", str(CONFIGS / "paper.yaml"), str(bad), str(tmp_path / "absent")]
    )
    assert ended.exit_code == 2
    assert "profile paper: 0.05% a trade" in ended.stdout
    assert len([line for line in ended.stderr.splitlines() if line.startswith("trader: ")]) == 3
    assert "absent: cannot be read: No such file or directory" in ended.stderr


def test_everything_in_configs_is_checked() -> None:
    """Profiles, freeze quantities and calendars are all valid."""
    files = [str(each) for each in [*CONFIGS.glob("*.yaml"), *CONFIGS.glob("calendars/*.yaml")]]
    ended = CliRunner().invoke(main, ["config", "check", *files])
    assert ended.exit_code == 0, ended.stderr


def test_an_unknown_strategy_parameter_is_named(tmp_path: Path) -> None:
    """A profile's parameters are checked by the strategy itself."""
    file = tmp_path / "profile.yaml"
    file.write_text(spoiled(strategies={"opening-range-breakout": {"range_minutes": -1}}))
    ended = CliRunner().invoke(main, ["config", "check", str(file)])
    assert ended.exit_code == 2
    assert "range_minutes" in ended.stderr


def test_the_schema_refuses_what_the_model_refuses() -> None:
    """Unknown fields, missing limits and too large fractions, for the operator too."""
    validator = jsonschema.Draft202012Validator(json.loads(schema.text()))
    for text in (spoiled(max_heat=None), spoiled(max_heat=0.03), spoiled(leverage=3)):
        assert list(validator.iter_errors(yaml.safe_load(text)))
