"""What holds for all tests: property tests draw by SEED and their own name alone; a failure says so."""

from __future__ import annotations

import gc
import os
from collections import Counter

import pytest
from hypothesis import HealthCheck, Phase, core, settings
from hypothesis.internal.conjecture import providers
from hypothesis.internal.constants_ast import Constants

from tests.dice import SEED, count

# The tests are shared out among the cores; the threads of torch's kernels would only wait for one another.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# The first draws import torch's kernels; how much of what is drawn may be thrown away is no matter of a seed.
_LENIENT = (HealthCheck.too_slow, HealthCheck.filter_too_much)

# Where hypothesis sees a CI, it would draw without a seed; elsewhere, what failed in an earlier run first.
settings.register_profile(
    "drawn",
    derandomize=False,
    database=None,
    phases=(Phase.explicit, Phase.generate, Phase.shrink),
    max_examples=count(200, 1000),
    deadline=None,
    suppress_health_check=_LENIENT,
)
settings.load_profile("drawn")

# Hypothesis would draw numbers that it finds in shapecalc's files: in those that happen to be imported, which
# depends on the tests that the process ran before.
providers._get_local_constants = Constants


UNTRACED = {"autocast", "conventions", "counters", "frozen_layers", "huge", "layers", "mutants", "neighbours"}
UNTRACED |= {"autocast_graphs", "published", "readme", "saved", "scale"}
"""Files of tests that run the same rules many times, or in torch or other processes: tracing them is slow."""


ALIKE = {"domain", "formulas", "memory"}
TRACED = 5
"""Files of which so many cases of a test are traced: the others, of other networks, go the same ways."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave tests out of the measuring of coverage, under which they take two or three times as long."""
    cases = Counter[str]()
    for item in items:
        test, file = item.nodeid.partition("[")[0], item.path.stem.removeprefix("test_")
        cases[test] += 1
        if file in UNTRACED or (file in ALIKE and cases[test] > TRACED):
            item.add_marker("no_cover")


def pytest_collection_finish() -> None:
    """Look for no garbage among modules and tests, which stay: that takes a tenth of the time."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Draw by SEED and the test's name, unless hypothesis is given a seed of its own."""
    if item.config.option.hypothesis_seed is None:
        core.global_force_seed = f"{SEED}/{item.nodeid}"  # type: ignore[assignment]  # any that can be hashed


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if terminalreporter.stats.get("failed"):
        terminalreporter.write_line(f"drawn with SEED={SEED}: set it to draw the same again (tests/dice.py)")
