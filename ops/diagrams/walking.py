"""Walks: from one beginning, every move from every state that is new, until nothing new turns up."""

from collections import deque
from collections.abc import Callable, Hashable, Iterable
from typing import TypeVar

_Node = TypeVar("_Node")
Edges = dict[tuple[str, str], set[str]]
"""(from, to) -> the moves that lead there."""


def walk(
    start: _Node,
    moves: Callable[[_Node], Iterable[tuple[str, _Node]]],
    *,
    key: Callable[[_Node], Hashable],
    name: Callable[[_Node], str],
) -> Edges:
    """The edges between named states. Nodes of one key are taken for the same; an edge to the same name is none."""
    seen, waiting, edges = {key(start)}, deque([start]), dict[tuple[str, str], set[str]]()
    while waiting:
        node = waiting.popleft()
        for move, after in moves(node):
            if name(node) != name(after):
                edges.setdefault((name(node), name(after)), set()).add(move)
            if key(after) not in seen:
                seen.add(key(after))
                waiting.append(after)
    return edges


def mermaid(edges: Edges, first: str, ends: Iterable[str] = ()) -> str:
    """A Mermaid state diagram, in an order that does not depend on the walk."""
    lines = ["stateDiagram-v2", f"    [*] --> {first}"]
    for (before, after), moves in sorted(edges.items()):
        label = f": {'<br/>'.join(sorted(moves))}" if any(moves) else ""
        lines.append(f"    {before} --> {after}{label}")
    lines += [f"    {end} --> [*]" for end in sorted(ends)]
    return "```mermaid\n" + "\n".join(lines) + "\n```\n"
