"""`sometimes`: states that a run of seeds must reach, or it proved less than it seems to.

Each line is a mark that the world sets when it happens (`World.reach`).
"""

from collections.abc import Container

SOMETIMES = (
    # The roads of an order.
    "place entry lost",
    "place entry unanswered",
    "place entry hidden",
    "place entry rejected",
    "place stop lost",
    "place stop unanswered",
    "place stop rejected",
    "place target unanswered",
    "modify unanswered",
    "modify refused",
    "cancel refused",
    "place gate_closed",
    "place rate_limited",
    "order_in_doubt",
    "order_absent",
    "order_refused",
    "mutation_refused",
    "place stop frozen",
    # Brackets.
    "bracket_reversed",
    "bracket_exiting",
    "bracket_closed",
    "position_closed_outside",
    "foreign_position_seen",
    # Crashes and kills in the midst of things.
    "crash with entry IN_DOUBT",
    "crash with entry UNSENT",
    "crash with entry WORKING",
    "crash with partial entry",
    "crash with stop UNSENT",
    "crash with stop IN_DOUBT",
    "crash with target SENT",
    "kill with entry IN_DOUBT",
    "kill with entry WORKING",
    "kill with stop UNSENT",
    "kill with stop WORKING",
    "takeover with entry in doubt",
    "takeover with a position",
    "flat_proven",
    "kill_released",
    # The database and the Lease.
    "commit away",
    "commit emergency",
    "commit epoch",
    "commit killed",
    "book unknown",
    "positions unknown",
    "update lost",
    "guard NOT_LEADER",
    "guard NOT_LIVE",
    "guard KILLED",
    "guard FOREIGN_ACTIVITY",
    "guard RATE_LIMIT",
)


def missing(reached: Container[str]) -> list[str]:
    """What no seed reached."""
    return [each for each in SOMETIMES if each not in reached]
