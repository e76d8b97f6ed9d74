"""What holds for all tests: how property tests draw, and that a failure says by which seed."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings

from tests.dice import SEED, count

# The tests are shared out among the cores; the threads of torch's kernels would only wait for one another.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# The first draws import torch's kernels; how much of what is drawn may be thrown away is no matter of a seed.
_LENIENT = (HealthCheck.too_slow, HealthCheck.filter_too_much)

settings.register_profile(
    "drawn", max_examples=count(200, 1000), deadline=None, suppress_health_check=_LENIENT
)
settings.load_profile("drawn")


UNTRACED = {"autocast", "conventions", "counters", "frozen_layers", "layers", "mutants", "neighbours"}
UNTRACED |= {"published", "readme", "saved", "scale"}
"""Files of tests that run the same rules many times, or in torch or other processes: tracing them is slow."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.stem.removeprefix("test_") in UNTRACED:
            item.add_marker("no_cover")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Give hypothesis the seed of all tests, unless it is given its own."""
    if config.option.hypothesis_seed is None:
        config.option.hypothesis_seed = SEED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if terminalreporter.stats.get("failed"):
        terminalreporter.write_line(f"drawn with SEED={SEED}: set it to draw the same again (tests/dice.py)")
