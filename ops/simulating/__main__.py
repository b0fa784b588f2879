"""`python -m ops.simulating`: one seed with its course, many seeds with their sum, or parts of the recorded campaign."""

import argparse
import os
import sys
import time
from collections.abc import Sequence

from ops.simulating import campaign
from ops.simulating.coverage import missing
from ops.simulating.many import Sum, run_many
from ops.simulating.running import quiet, run
from ops.simulating.schedules import HOUR, SHORT, make
from ops.simulating.shrinking import shrink
from ops.simulating.tracing import lines


def main(arguments: Sequence[str]) -> int:
    """Exit code 0 when everything held."""
    parser = argparse.ArgumentParser(prog="make sim", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("one", help="one seed: its course, and what it takes to break it")
    one.add_argument("seed", type=int)
    one.add_argument("--kind", choices=(SHORT, HOUR), default=SHORT)
    many = commands.add_parser("many", help="runs of seeds on all cores")
    many.add_argument("--short", type=int, default=0, help="how many short schedules")
    many.add_argument("--hours", type=int, default=0, help="how many market hours")
    many.add_argument("--first", type=int, default=0, help="the first seed")
    many.add_argument("--seconds", type=float, default=0.0, help="stop after this time")
    many.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    many.add_argument("--coverage", action="store_true", help="fail when a state was never reached")
    recorded = commands.add_parser("campaign", help="parts of the recorded campaign")
    recorded.add_argument("--parts", default="", help="names or ranges, as in short:0-9,hour:3; none: what is missing")
    recorded.add_argument("--verify", action="store_true", help="run recorded parts again and compare")
    recorded.add_argument("--seconds", type=float, default=0.0, help="begin no part after this time")
    recorded.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    asked = parser.parse_args(arguments)
    if asked.command == "one":
        return _one(asked.kind, asked.seed)
    if asked.command == "campaign":
        return campaign.main(asked.parts, verify=asked.verify, seconds=asked.seconds, workers=asked.workers)
    return _many(asked)


def _one(kind: str, seed: int) -> int:
    quiet()
    result = run(make(kind, seed))
    print("\n".join(lines(result)))
    if result.held:
        return 0
    least = shrink(result)
    print(f"\nIt takes no more than this, over {least.schedule.storm_seconds:.1f} s:")
    print("\n".join(f"  {trouble}" for trouble in least.schedule.troubles) or "  no trouble at all")
    for promise, broken in least.violations.items():
        print(f"BROKEN  {promise}: {broken[0]}")
    return 1


def _many(asked: argparse.Namespace) -> int:
    begin, sums = time.monotonic(), []
    for kind, count in ((SHORT, asked.short), (HOUR, asked.hours)):
        if not count:
            continue
        total = Sum(kind, asked.first)
        for each in run_many(kind, asked.first, count, asked.workers):
            total.add(each)
            for seed, promise, found in each.broken:
                print(f"BROKEN  {promise}: {found}\n        make sim SEED={seed} KIND={kind}", flush=True)
            if asked.seconds and time.monotonic() - begin > asked.seconds:
                break
        sums.append(total)
        rate = total.count / total.cpu_seconds if total.cpu_seconds else 0.0
        print(
            f"{total.count} {kind} schedules, {total.events} events, {total.virtual_seconds:,.0f} s of virtual time: "
            f"{len({seed for seed, *_ in total.broken})} broken; {rate:.2f} a second and core; digest {total.digest}"
        )
    reached = set().union(*(each.reached for each in sums))
    lacking = missing(reached) if asked.coverage else []
    for state in lacking:
        print(f"NEVER REACHED  {state}")
    return 1 if lacking or any(each.broken for each in sums) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
