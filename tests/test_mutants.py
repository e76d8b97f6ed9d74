"""Random changes of the zoo's files are analysed, or refused in time."""

from __future__ import annotations

import sys
import time
from collections import Counter

import pytest

from shapecalc import ShapecalcError
from tests.dice import SEED, count
from tests.mutants import CHANGES, examine, mutant, questions, run

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="measures time by a signal")


@pytest.mark.parametrize("part", range(4))
def test_a_mutant_is_analysed_or_refused_in_time(part: int) -> None:
    """One that fails is shown by `python -m tests.mutants --show SEED/NUMBER`, its seed with its part."""
    faults = [fault for found in run(f"{SEED}/{part}", count(200, 250_000)) for fault in found]
    assert not faults, [(fault.key, fault.what, fault.where) for fault in faults[:5]]


def test_mutants_are_made_again_by_their_names() -> None:
    assert [mutant("a", i) for i in range(50)] == [mutant("a", i) for i in range(50)]
    assert len({mutant("a", i).text for i in range(50)}) > 40
    assert len(set(CHANGES)) == 5


def test_enough_of_them_are_networks() -> None:
    """What is tried is no mere noise: many are read, and many of these analysed."""
    reached = Counter(reach(number) for number in range(300))
    assert reached["parse"] > 5
    assert reached["analyse"] > 30


def reach(number: int) -> str:
    """The last question that a mutant is not refused at."""
    last = ""
    try:
        for name, ask in questions(mutant("networks", number)):
            ask()
            last = name if name in ("parse", "analyse") else last
    except ShapecalcError:
        pass
    return last


@pytest.mark.parametrize("wrong", [TypeError("a fault"), RecursionError(), MemoryError()])
def test_a_fault_is_found(wrong: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise wrong

    monkeypatch.setattr("shapecalc.parse", fail)
    (fault,) = examine(mutant("a", 1))
    assert fault.where.startswith(type(wrong).__name__)


def test_what_takes_long_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    longest = 0.2
    monkeypatch.setattr("tests.mutants.LONGEST", longest)

    def slow(*_: object) -> None:
        end = time.process_time() + longest + 0.1
        while time.process_time() < end:
            pass
        raise ShapecalcError("refused at last")

    monkeypatch.setattr("shapecalc.parse", slow)
    (fault,) = examine(mutant("a", 1))
    assert fault.where == f"{longest + 0.1:.1f} s"
