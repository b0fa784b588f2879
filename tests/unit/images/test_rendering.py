"""What the build writes down for programs and for the chart."""

import json
from pathlib import Path

import pytest
import yaml

from ops.images.rendering import as_json, as_values, split, write

BUILT = {"trader": "tradeops/trader:0a1b2c", "redis": "redis:7-bookworm"}


def test_list_is_sorted_json() -> None:
    """The list reads the same whatever the order of building."""
    assert as_json(BUILT) == as_json(dict(reversed(BUILT.items())))
    assert json.loads(as_json(BUILT)) == BUILT


def test_values_are_the_charts() -> None:
    """Each image's repository and tag stand where the chart looks for them; a digest of other values does not survive."""
    assert yaml.safe_load(as_values(BUILT)) == {
        "redis": {"image": {"repository": "redis", "tag": "7-bookworm", "digest": ""}},
        "trader": {"image": {"repository": "tradeops/trader", "tag": "0a1b2c", "digest": ""}},
    }


def test_a_tag_like_a_number_stays_text() -> None:
    """A hash of digits alone would be a number in YAML; Helm would render 1e+11."""
    assert (
        yaml.safe_load(as_values({"redis": "tradeops/redis:123456789012"}))["redis"]["image"]["tag"] == "123456789012"
    )


@pytest.mark.parametrize(
    ("reference", "parts"),
    [("a/b:c", ("a/b", "c")), ("registry:5000/a/b:c", ("registry:5000/a/b", "c"))],
)
def test_a_port_is_no_tag(reference: str, parts: tuple[str, str]) -> None:
    """The tag is what follows the last colon."""
    assert split(reference) == parts


@pytest.mark.parametrize("reference", ["a/b", "registry:5000/a/b"])
def test_a_tag_is_demanded(reference: str) -> None:
    """An image without a tag would be whatever is newest."""
    with pytest.raises(ValueError, match="needs a tag"):
        split(reference)


def test_files_are_replaced_as_a_whole(tmp_path: Path) -> None:
    """Nothing is left beside the file, and folders are made."""
    path = tmp_path / "build" / "images.json"
    write(path, "1")
    write(path, "2")

    assert path.read_text() == "2"
    assert list(path.parent.iterdir()) == [path]
