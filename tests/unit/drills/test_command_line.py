"""`python -m ops.drills`: the names bind, and bad input is one message and exit code 2."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from ops.drills.catalogue import DRILLS, NAMED
from ops.drills.cli import main


def test_the_three_named_drills_and_the_red_team_are_there() -> None:
    """As the gates of a session and the checklist spell them; each variant has a name of its own and a story."""
    assert [each.name for each in NAMED] == ["dual-runner", "ws-flap-child-placement", "exchange-band-jump"]
    assert [each.name for each in DRILLS] == [*(each.name for each in NAMED), "red-team"]
    for drill in DRILLS:
        names = [each.name for each in drill.variants]
        assert len(set(names)) == len(names)
        assert all(each.story for each in drill.variants)


def test_the_list_is_readable_by_programs() -> None:
    """Names, promises, variants."""
    listed = json.loads(CliRunner().invoke(main, ["list", "--json"]).output)
    assert [each["name"] for each in listed] == [each.name for each in DRILLS]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nonsense"], "there is no 'nonsense'"),
        (["dual-runner", "--variant", "nonsense"], "there is no 'nonsense'"),
        (["dual-runner", "--profile", "/nowhere.yaml"], "/nowhere.yaml: cannot be read"),
    ],
)
def test_bad_input_is_one_message_and_2(arguments: list[str], message: str) -> None:
    """Nothing is started."""
    result = CliRunner().invoke(main, ["run", *arguments])
    assert result.exit_code == 2
    assert message in result.output


def test_a_profile_that_loosens_a_bound_is_no_input(tmp_path: Path) -> None:
    """The drills run under limits that a trader would take."""
    profile = tmp_path / "loose.yaml"
    profile.write_text(Path("configs/paper.yaml").read_text().replace("max_heat: 0.01", "max_heat: 0.5"))
    result = CliRunner().invoke(main, ["run", "dual-runner", "--profile", str(profile)])
    assert result.exit_code == 2
    assert "max_heat" in result.output
