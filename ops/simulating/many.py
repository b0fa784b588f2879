"""Many schedules on all cores: chunks of seeds, each chunk summed up, in the order of the seeds whoever was faster."""

import gc
import hashlib
import multiprocessing
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from ops.simulating.running import quiet, run
from ops.simulating.schedules import make

CHUNKS = {"short": 100, "hour": 1}
_COLLECT_EVERY = 50
Chunk = tuple[str, int, int]
"""Kind, first seed, how many."""


@dataclass(slots=True)
class Sum:
    """What a run of seeds came to."""

    kind: str
    first: int
    count: int = 0
    events: int = 0
    virtual_seconds: float = 0.0
    cpu_seconds: float = 0.0
    digests: list[str] = field(default_factory=list)
    reached: Counter[str] = field(default_factory=Counter)
    broken: list[tuple[int, str, str]] = field(default_factory=list)
    """Seed, promise, and what was found."""

    def add(self, other: "Sum") -> None:
        """The next seeds."""
        self.count += other.count
        self.events += other.events
        self.virtual_seconds += other.virtual_seconds
        self.cpu_seconds += other.cpu_seconds
        self.digests += other.digests
        self.reached.update(other.reached)
        self.broken += other.broken

    @property
    def digest(self) -> str:
        """One name for all the courses, in the order of their seeds."""
        return hashlib.blake2b("".join(self.digests).encode(), digest_size=12).hexdigest()


def run_chunk(kind: str, first: int, count: int) -> Sum:
    """Run these seeds here, one after the other."""
    quiet()
    found = Sum(kind, first)
    # Each world is one big cycle: collected now and then, not whenever a threshold is passed.
    gc.disable()
    begin = time.process_time()
    for seed in range(first, first + count):
        try:
            result = run(make(kind, seed))
        except Exception as error:
            found.broken.append((seed, "the simulation itself", repr(error)))
            found.count += 1
            continue
        found.count += 1
        found.events += result.events
        found.virtual_seconds += result.seconds
        found.digests.append(result.digest)
        # How often does not matter: in how many schedules does.
        found.reached.update(result.reached.keys())
        found.broken += [(seed, promise, each) for promise, broken in result.violations.items() for each in broken[:1]]
        if seed % _COLLECT_EVERY == 0 or kind == "hour":
            gc.collect()
    found.cpu_seconds = time.process_time() - begin
    gc.enable()
    return found


def _run_chunk(arguments: Chunk) -> Sum:
    return run_chunk(*arguments)


def chunks(kind: str, first: int, count: int) -> Iterator[Chunk]:
    """Cut a run of seeds."""
    size = CHUNKS[kind]
    for start in range(first, first + count, size):
        yield kind, start, min(size, first + count - start)


def run_many(kind: str, first: int, count: int, workers: int) -> Iterator[Sum]:
    """Sums of chunks as they come, in the order of the seeds."""
    return run_chunks(list(chunks(kind, first, count)), workers)


def run_chunks(pieces: Sequence[Chunk], workers: int) -> Iterator[Sum]:
    """Sums of these chunks as they come, in this order."""
    if workers == 1:
        yield from map(_run_chunk, pieces)
        return
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        yield from pool.imap(_run_chunk, pieces)
