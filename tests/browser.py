"""A real browser for tests of pictures and pages: chromium-headless-shell, driven by Playwright.

Where either is missing, the tests that need them are skipped with the reason, unless `BROWSER=required`.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

_CHROMIUM = shutil.which("chromium-headless-shell") or shutil.which("chromium")


@contextmanager
def browser() -> Iterator[Any]:
    """A browser, which is started once for a file of tests."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        _missing("pip install playwright drives a browser")
    if _CHROMIUM is None:
        _missing("apt-get install chromium-headless-shell is the browser")
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=_CHROMIUM)


def _missing(reason: str) -> None:
    if os.environ.get("BROWSER") == "required":
        pytest.fail(reason)
    pytest.skip(reason)
