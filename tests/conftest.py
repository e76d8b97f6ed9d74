"""What holds for all tests: property tests draw by SEED and their own name alone; a failure says so."""

from __future__ import annotations

import gc
import os
from collections import Counter
from collections.abc import Iterator
from contextlib import nullcontext

import pytest
from hypothesis import HealthCheck, Phase, core, settings
from hypothesis.internal.conjecture import providers
from hypothesis.internal.constants_ast import Constants

from shapecalc import zoo
from tests.command import Command
from tests.dice import SEED, count, is_drawn
from tests.stopwatch import untraced

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


_UNTRACED = """
autocast autocast_graphs counters domain_graphs drawn folders frozen_graphs frozen_layers huge
layers mutants neighbours published readme scale torch_types
"""
UNTRACED = {*_UNTRACED.split()}
"""Files of tests that run the same rules many times, or in torch or other processes: tracing them is slow."""

TRACED = 8
"""Networks of the zoo with which a test is traced, of all that it is run with: others go the same ways."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Draw the cases that are tried; some tests are left out of the measuring of coverage, which is slow."""
    left_out = [item for item in items if not _is_drawn(item)]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in {*left_out}]
    zoo_names, networks = {*zoo.names()}, Counter[str]()
    for item in items:
        test, file = item.nodeid.partition("[")[0], item.path.stem.removeprefix("test_")
        values = item.callspec.params.values() if hasattr(item, "callspec") else ()
        networks[test] += any(isinstance(value, str) and value in zoo_names for value in values)
        if file in UNTRACED or networks[test] > TRACED:
            item.add_marker("untraced")


def _is_drawn(item: pytest.Item) -> bool:
    mark = item.get_closest_marker("one_in")
    return mark is None or is_drawn(item.nodeid, *mark.args) or item.config.option.collectonly


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    with untraced() if item.get_closest_marker("untraced") else nullcontext():
        return (yield)


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


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """`run("show", "nin")` where the test stands; files whose tests need a folder have one of their own."""
    return Command(monkeypatch, capsys)
