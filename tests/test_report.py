"""The page of a network as it is written: its size, what it may hold, how the command writes it.

What a browser makes of it is tried in `test_report_browser.py`.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from shapecalc.render.report.page import page as written
from tests.command import Command
from tests.networks import analysed
from tests.stopwatch import timed


@pytest.mark.parametrize("name", ["nin", "imagenet/densenet201", "nasnet-a-mobile"])
def test_a_page_is_small_and_the_same_each_time(name: str) -> None:
    analysis = analysed(name)
    text = written(analysis, "x")
    assert len(text.encode()) < 250_000
    assert name != "nin" or text == written(analysis, "x")
    assert not re.search(
        r"https?://(?!www\.w3\.org/2000/svg)", re.sub(r"<pre>.*?</pre>", "", text, flags=re.DOTALL)
    )
    assert not re.search(r" on\w+=| style=|eval\(|new Function", text)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("nin", "-o", "nin.pdf"), "error: nin.pdf is no page for a browser\n  hint: -o nin.html"),
        (("nin", "-o", ""), "error: . is no page for a browser\n  hint: -o net.html"),
        (("nin", "-o", "no/such/page.html"), "error: no/such/page.html can't be written"),
    ],
)
def test_refusals(run: Command, words: tuple[str, ...], message: str) -> None:
    done = run("report", *words)
    assert done.code == 2
    assert message in done.err


def test_the_command_writes_the_page(run: Command, tmp_path: Path) -> None:
    path = tmp_path / "nin.html"
    assert run("report", "nin", "--set", "classes=7", "-o", str(path)).code == 0
    assert '"command":"shapecalc show nin --set classes=7"' in path.read_text(encoding="utf-8")


def test_it_is_made_at_once() -> None:
    analysis = analysed("imagenet/resnet50")
    _, seconds = timed(lambda: written(analysis, "x"), enough=1)
    assert seconds < 2
