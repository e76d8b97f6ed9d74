"""The site is built without a warning, has every page, and fetches nothing from elsewhere."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.readme import DOCS, ROOT

pytest.importorskip("mkdocs", reason="pip install '.[docs]' builds the site")
pytest.importorskip("mkdocstrings", reason="pip install '.[docs]' builds the site")

_FETCHED = {"img": "src", "script": "src", "link": "href", "iframe": "src", "source": "src"}
"""Element → the attribute whose address a browser fetches by itself."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    words = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    run = subprocess.run(words, capture_output=True, text=True, check=False, cwd=ROOT)
    assert (run.returncode, run.stdout + run.stderr) == (0, "")
    return folder


def test_every_page_is_there(site: Path) -> None:
    pages = {page.relative_to(DOCS).with_suffix(".html") for page in DOCS.rglob("*.md")}
    assert pages <= {page.relative_to(site) for page in site.rglob("*.html")}


def test_nothing_is_fetched_from_elsewhere(site: Path) -> None:
    addresses = [address for page in site.rglob("*.html") for address in _addresses(page)]
    addresses += [address for style in site.rglob("*.css") for address in _urls(style)]
    assert addresses
    assert [address for address in addresses if re.match(r"(\w+:)?//", address)] == []


def test_the_python_interface_has_its_docstrings(site: Path) -> None:
    text = (site / "python.html").read_text(encoding="utf-8")
    assert "Compute every layer's shape, weights and MACs." in text


def _addresses(page: Path) -> Iterator[str]:
    found: list[str] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
            found.extend(value or "" for name, value in attributes if _FETCHED.get(tag) == name)

    Reader().feed(page.read_text(encoding="utf-8"))
    yield from found


def _urls(style: Path) -> list[str]:
    return re.findall(r"url\(['\"]?([^'\")]+)", style.read_text(encoding="utf-8"))
