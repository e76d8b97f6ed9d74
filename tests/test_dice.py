"""What a property test draws depends on SEED and its name alone: not on where it runs, or what ran before."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import dice

ROOT = Path(__file__).parents[1]

SUITE = {
    "test_one.py": """
        import a_module
        from drawing import *

        @pytest.mark.parametrize("name", "abc")
        def test_within(name):
            check(name)
        """,
    "test_other.py": """
        from drawing import *

        @given(NUMBERS)
        def test_outside(drawn):
            note("outside", drawn)
        """,
    "test_third.py": """
        from drawing import *
        from tests.chance import check_each, integers

        def test_by_chance():
            check_each(integers(0, 99), 40, lambda drawn: note("chance", drawn))
        """,
    "drawing.py": """
        import os
        import pytest
        from hypothesis import given, settings, strategies as st

        NUMBERS = st.lists(st.integers() | st.floats() | st.text())

        def note(name, drawn):
            with open(f"{os.environ['NOTED']}/{name}", "a") as file:
                print(ascii(drawn), file=file)

        def check(name):
            given(NUMBERS)(lambda drawn: note(name, drawn))()
        """,
    "a_module.py": "\n".join(f"n{i} = {123456789 + i}, {i}.125, 'text {i}'" for i in range(100)),
}
"""Three files of tests; one of them imports a module whose numbers hypothesis would draw from then on."""


PLUGINS = ("-p", "tests.conftest", "-p", "_hypothesis_pytestplugin", "-p", "xdist")


def run(folder: Path, *words: str, **environ: str) -> dict[str, str]:
    """What the tests of the suite draw, by their names."""
    noted = folder / str(len(list(folder.iterdir())))
    noted.mkdir()
    path = os.pathsep.join([str(ROOT), str(folder)])
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *PLUGINS, *words],
        cwd=folder,
        env={
            **os.environ,
            "PYTHONPATH": path,
            "NOTED": str(noted),
            "PYTEST_ADDOPTS": "-p no:cacheprovider",
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "DRAWS": "40",
            **environ,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return {file.name: file.read_text() for file in noted.iterdir()}


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("suite")
    (folder / "pytest.ini").write_text("[pytest]")
    for name, text in SUITE.items():
        (folder / name).write_text(text.replace("\n        ", "\n"), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def drawn(suite: Path) -> dict[str, str]:
    return run(suite, SEED="a")


def test_each_test_draws_cases_of_its_own(drawn: dict[str, str]) -> None:
    assert {*drawn} == {"a", "b", "c", "outside", "chance"}
    assert len({*drawn.values()}) == 5
    assert all(text.count("\n") == 40 for text in drawn.values())


def test_the_cases_are_the_same_however_tests_are_shared_out_and_where_hypothesis_sees_a_ci(
    suite: Path, drawn: dict[str, str]
) -> None:
    assert run(suite, "-n", "2", SEED="a", PYTHONHASHSEED="1", CI="true") == drawn


def test_the_cases_of_a_test_alone_are_the_same(suite: Path, drawn: dict[str, str]) -> None:
    assert run(suite, "test_other.py", SEED="a") == {"outside": drawn["outside"]}


def test_another_seed_draws_other_cases(suite: Path, drawn: dict[str, str]) -> None:
    assert not {*run(suite, SEED="b").values()} & {*drawn.values()}


def test_one_in_so_many_cases_is_drawn_and_at_length_all(monkeypatch: pytest.MonkeyPatch) -> None:
    cases = [f"test_it[{number}]" for number in range(400)]
    drawn = {}
    monkeypatch.setattr(dice, "DRAWS", "push")
    for seed in ("monday", "tuesday"):
        monkeypatch.setattr(dice, "SEED", seed)
        drawn[seed] = [case for case in cases if dice.is_drawn(case, 4)]
    assert all(80 < len(some) < 120 for some in drawn.values())
    assert drawn["monday"] != drawn["tuesday"]
    assert {tuple(dice.one_way(case, "abc")) for case in cases} == {("a",), ("b",), ("c",)}
    monkeypatch.setattr(dice, "DRAWS", "long")
    assert dice.one_way(cases[0], "abc") == "abc"
    assert all(dice.is_drawn(case, 4) for case in cases)
