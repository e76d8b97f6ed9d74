"""What holds for all tests: property tests draw by SEED and their own name alone; a failure says so."""

from __future__ import annotations

import gc
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, Phase, core, settings
from hypothesis.internal.conjecture import providers
from hypothesis.internal.constants_ast import Constants

from tests.dice import SEED, count, is_drawn

if TYPE_CHECKING:
    from tests.command import Command

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
    max_examples=count(60, 1000),
    deadline=None,
    suppress_health_check=_LENIENT,
)
settings.load_profile("drawn")

# Hypothesis would draw numbers that it finds in shapecalc's files: in those that happen to be imported, which
# depends on the tests that the process ran before.
providers._get_local_constants = Constants


def pytest_configure(config: pytest.Config) -> None:
    hands_out = bool(config.option.numprocesses)
    if hands_out and (probes := sys.modules.get("tests.probes")):
        probes.leave_files_to_workers()
    if not hands_out:
        gc.disable()  # until the tests are collected: modules and tests stay


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Draw the cases that are tried."""
    left_out = [item for item in items if not _is_drawn(item)]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in {*left_out}]


def _is_drawn(item: pytest.Item) -> bool:
    mark = item.get_closest_marker("one_in")
    return mark is None or is_drawn(item.nodeid, *mark.args) or item.config.option.collectonly


def pytest_collection_finish() -> None:
    """Look for no garbage among modules and tests, later either: that takes a tenth of the time."""
    gc.collect()
    gc.freeze()
    gc.enable()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Draw by SEED and the test's name, unless hypothesis is given a seed of its own."""
    if item.config.option.hypothesis_seed is None:
        core.global_force_seed = f"{SEED}/{item.nodeid}"  # type: ignore[assignment]  # any that can be hashed


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if terminalreporter.stats.get("failed"):
        terminalreporter.write_line(f"drawn with SEED={SEED}: set it to draw the same again (tests/dice.py)")


@pytest.fixture
def few_shipped(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A folder of its own, where shapecalc has few networks: what holds for lists is tried on a short one."""
    from shapecalc import zoo  # not in the process that hands out tests

    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "shipped"
    folder.mkdir()
    for name in ("lenet", "lenet-batchnorm", "lenet-maxpool", "nin", "resnet18", "imagenet/vgg"):
        copy = (folder / name).with_suffix(".yaml")
        copy.parent.mkdir(exist_ok=True)
        copy.write_bytes((zoo.shipped() / f"{name}.yaml").read_bytes())
    for module in (zoo.index, zoo.lookup):
        monkeypatch.setattr(module, "shipped", lambda: folder)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """`run("show", "nin")` where the test stands; files whose tests need a folder have one of their own."""
    from tests.command import Command

    return Command(monkeypatch, capsys)
