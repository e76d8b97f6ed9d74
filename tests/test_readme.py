"""The README and the pages of `docs/` say what is: their commands are run, their code, their YAML."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

import shapecalc
from tests import house
from tests.readme import DOCS, README, ROOT, as_run, blocks, commands, pages, same

LONGEST = 160  # lines of the README


def names(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def with_language(language: str) -> list[Path]:
    return [page for page in pages() if any(block.language == language for block in blocks(page))]


@pytest.mark.parametrize("page", with_language("console"), ids=names)
def test_commands_print_what_the_page_shows(page: Path) -> None:
    for shown, real in as_run(page):
        assert shown == real or same(shown, real)


def test_the_first_two_commands_set_up_and_run() -> None:
    install, test, *_ = commands()
    assert install == "pip install -c constraints.txt . && shapecalc show nin --input 1x1x224x224"
    assert test == "pip install -c constraints.txt '.[test]' && pytest -n auto"


def test_the_readme_is_short() -> None:
    assert len(README.read_text().splitlines()) <= LONGEST


@pytest.mark.parametrize("page", with_language("python"), ids=names)
def test_python_prints_the_comment_beside_it(page: Path) -> None:
    """The blocks of a page that have no title are one session."""
    session: dict[str, object] = {}
    for block in blocks(page):
        if block.language == "python" and not block.title:
            expected = re.findall(r"print\(.*\)  # (.*)", block.text)
            with contextlib.redirect_stdout(io.StringIO()) as printed:
                exec(block.text, session)
            assert printed.getvalue().splitlines()[: len(expected)] == expected


def test_python_of_files_is_python() -> None:
    """What a page has as a file may need packages that are not here, and is not run."""
    files = [
        block for page in pages() for block in blocks(page) if block.language == "python" and block.title
    ]
    assert "search.py" in [block.title for block in files]
    for block in files:
        compile(block.text, str(block.title), "exec")


@pytest.mark.parametrize("page", with_language("yaml"), ids=names)
def test_yaml_is_of_the_language(page: Path) -> None:
    """A block that is no whole file is keys of the file before it, or nothing but a comment.

    Those with a title are read by the page's commands.
    """
    file: dict[str, Any] = {}
    for block in blocks(page):
        if block.language == "yaml" and not block.title and (keys := yaml.safe_load(block.text)):
            file = keys if "layers" in keys else {**file, **keys}
            shapecalc.analyse(shapecalc.parse(yaml.safe_dump(file, sort_keys=False)))


def test_the_first_yaml_is_the_shipped_file() -> None:
    first = next(block for block in blocks(DOCS / "language.md") if block.language == "yaml")
    shipped = yaml.safe_load((ROOT / "architectures" / "nin.yaml").read_text())
    assert yaml.safe_load(first.text).items() <= shipped.items()


def test_every_command_has_a_page_with_all_of_its_options() -> None:
    shown = next(block.text for block in blocks(DOCS / "commands" / "index.md") if "Commands:" in block.text)
    listed = re.findall(r"^  (\w+)  ", shown.partition("Commands:")[2], re.MULTILINE)
    assert listed
    for command in listed:
        assert f"$ shapecalc {command} --help\n" in (DOCS / "commands" / f"{command}.md").read_text()


def test_every_public_name_is_in_the_python_interface() -> None:
    documented = re.findall(r"^::: shapecalc\.(\w+)$", (DOCS / "python.md").read_text(), re.MULTILINE)
    assert sorted(documented) == sorted(shapecalc.__all__)


def test_the_house_is_drawn_as_it_is() -> None:
    assert house.DRAWING.read_text(encoding="utf-8") == house.draw()


def test_files_that_pages_name_are_there() -> None:
    """But for the file of a page's own example."""
    for page in (DOCS / "house.md", *(DOCS / "howto").glob("*.md")):
        written = {block.title for block in blocks(page)}
        for named in re.findall(r"`((?:shapecalc|tests|docs)/[\w./]*)`", page.read_text(encoding="utf-8")):
            assert named in written or (ROOT / named).exists(), f"{page.name}: {named}"


@pytest.mark.parametrize("page", pages(), ids=names)
def test_links_lead_to_files(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
        assert (page.parent / target).is_file(), target
