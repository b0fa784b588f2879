"""The diagrams are the code's own."""

from ops.diagrams.brackets import CLOSED, bracket_edges
from ops.diagrams.page import PAGE, page
from ops.diagrams.walking import mermaid, walk
from trader.domain.values import OrderStatus, TradingState


def test_the_page_is_what_the_code_says() -> None:
    """A changed table or rule changes the page; `make diagrams` writes it anew."""
    assert PAGE.read_text() == page(), "the state machines have changed: run `make diagrams` and look at what changed"


def test_every_state_is_on_the_page() -> None:
    """A state that nothing leads to would be missing."""
    text = PAGE.read_text()
    for state in (*OrderStatus, *TradingState):
        assert f" {state.value}" in text


def test_every_open_bracket_can_end() -> None:
    """From each of its states a way leads to the close."""
    edges = bracket_edges()
    reaching = {CLOSED}
    while more := {before for before, after in edges if after in reaching} - reaching:
        reaching |= more
    assert {state for edge in edges for state in edge} == reaching


def test_a_walk_sees_every_edge_once() -> None:
    """A ring of three with a way back: four edges, whatever the numbers behind the names."""
    edges = walk(
        0,
        lambda at: [("on", at + 1), ("back", max(at - 1, 0))],
        key=lambda at: at % 3,
        name=lambda at: "abc"[at % 3],
    )
    assert edges == {
        ("a", "b"): {"on"},
        ("b", "c"): {"on"},
        ("c", "a"): {"on"},
        ("b", "a"): {"back"},
        ("c", "b"): {"back"},
    }
    assert mermaid({("a", "b"): {"y", "x"}}, "a", ["b"]).splitlines()[2:5] == [
        "    [*] --> a",
        "    a --> b: x<br/>y",
        "    b --> [*]",
    ]
