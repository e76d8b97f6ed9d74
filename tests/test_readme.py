"""The README says what is: its examples are run, its code prints what it says, its YAML is the file's."""

from __future__ import annotations

import contextlib
import io
import re

import pytest
import yaml

from tests.readme import README, as_run, commands, examples

TEXT = README.read_text()


@pytest.mark.parametrize("example", examples(), ids=lambda example: example.splitlines()[0])
def test_example_prints_what_the_readme_shows(example: str) -> None:
    assert as_run(example) == example.rstrip("\n") + "\n"


def test_the_first_two_commands_set_up_and_run() -> None:
    install, test, *_ = commands()
    assert install == "pip install -c constraints.txt . && shapecalc show nin --input 1x1x224x224"
    assert test == "pip install -c constraints.txt '.[test]' && pytest -n auto"


def test_python_prints_the_comment_beside_it() -> None:
    code = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)[0]
    expected = re.findall(r"print\(.*\)  # (.*)", code)
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(code, {})
    assert printed.getvalue().splitlines()[: len(expected)] == expected


def test_yaml_is_the_shipped_file() -> None:
    shown = yaml.safe_load(re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)[0])
    shipped = yaml.safe_load((README.parent / "architectures" / "nin.yaml").read_text())
    assert shown.items() <= shipped.items()
