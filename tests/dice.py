"""How many random cases a test draws, and from which seed: the same two settings of the environment for all.

`DRAWS` is `push` (unless given), `long`, or a number, which is then how many each test draws. `SEED` is any
word, a fresh one unless given. A test that fails says which it was, and `SEED=… pytest …` draws the same
again. A case that was drawn stays one by being written down: the printed network or layer is put among the
cases by hand of its test (`CASES`, `ALIKE`; for layers `RARE` in `tests/families`).
"""

from __future__ import annotations

import os
import random
from collections.abc import Sequence
from typing import TypeVar

# The processes that share out the tests, and the commands that tests run, inherit both.
DRAWS = os.environ.setdefault("DRAWS", "push")
SEED = os.environ.setdefault("SEED", f"{random.SystemRandom().randrange(10**9)}")

T = TypeVar("T")


def count(push: int, long: int) -> int:
    """How many cases a test draws: so many at each push, or at length."""
    return {"push": push, "long": long}.get(DRAWS) or int(DRAWS)


def is_drawn(case: str, of: int) -> bool:
    """Whether a case is tried: at each push one in so many of a test is, drawn by the seed; at length all."""
    return DRAWS == "long" or random.Random(f"{SEED}/{case}").randrange(of) == 0


def one_way(case: object, ways: Sequence[T]) -> Sequence[T]:
    """The ways a case is tried: at each push in one, drawn by the seed and the case, at length in all."""
    return ways if DRAWS == "long" else [random.Random(f"{SEED}/{case!r}").choice(ways)]
