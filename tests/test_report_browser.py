"""The page in a real browser: figures equal to the analysis at its sizes, and nothing asked of elsewhere."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from functools import cache
from itertools import accumulate
from math import prod
from pathlib import Path
from typing import Any

import pytest

import shapecalc
from shapecalc import Analysis
from shapecalc.analysis.domain.domain import domain
from shapecalc.analysis.domain.generalise import in_general, sizes_of
from shapecalc.engine.nodes import all_nodes
from shapecalc.render.report.page import page as written
from shapecalc.symbolic import at
from tests.browser import browser
from tests.dice import DRAWS, SEED
from tests.networks import ONE_OF_EACH, OWN, analysed
from tests.pictures import FOLDER, plots

ALL = sorted({*ONE_OF_EACH, *OWN})
FEW = [
    "nin",
    "unet",
    "googlenet",
    "imagenet/densenet121",
    "bert-base",
    "hrnet-w18",
    "llm/mixtral-8x7b",
    "lstm-lm",
]
NETWORKS = ALL if DRAWS == "long" else FEW
HOSTILE = "</script><img src=x onerror=alert(1)>"


class Opened:
    """A page in the browser, with what it asked for and complained of."""

    def __init__(self, context: Any, path: Path, fragment: str = "") -> None:
        self.asked: list[str] = []
        self.complaints: list[str] = []
        self.tab = context.new_page()
        self.tab.on("request", lambda request: self.asked.append(request.url))
        self.tab.on("console", lambda message: self.complaints.append(message.text))
        self.tab.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.tab.goto(f"{path.as_uri()}{fragment}")

    def set(self, sizes: dict[str, int]) -> None:
        if self.tab.locator("#square").count():
            self.tab.uncheck("#square")
        for name, size in sizes.items():
            self.tab.fill(f"#number-{name}", str(size))

    def text(self, where: str) -> str:
        return str(self.tab.inner_text(where))

    def rows(self) -> dict[str, list[str]]:
        """Path → the cells of a line, all lines being open."""
        self.tab.select_option("#depth", "0")
        cells = "[r.line.path, ...[...r.cells].map(c => c.textContent)]"
        found = self.tab.evaluate(f"[...document.querySelectorAll('#rows tr')].map(r => {cells})")
        return {path: cells for path, *cells in found}


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with browser() as found:
        yield found


@cache
def general(name: str) -> Analysis:
    """A network of the zoo at letters."""
    analysis = analysed(name)
    return in_general(analysis.architecture, analysis.inputs, analysis.parameters, batch=True)


@cache
def page(name: str) -> str:
    return written(analysed(name), "shapecalc show x")


def saved(folder: Path, text: str) -> Path:
    path = folder / "page.html"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture
def context(chromium: Any) -> Iterator[Any]:
    found = chromium.new_context(offline=True)
    yield found
    found.close()


def admissible(general: Analysis, own: dict[str, int], dice: random.Random) -> dict[str, int]:
    """Sizes that meet all conditions, drawn around the network's own; its weights keep their shapes there."""
    conditions = [*general.conditions, *[solved.condition for solved in domain(general).solved]]
    for _ in range(300):
        sizes = {name: dice.randint(1, 2 * size + 2) for name, size in own.items()}
        if dice.random() < 0.7 and {"H", "W"} <= own.keys():
            half = max(1, own["H"] // 2)
            sizes["H"] = sizes["W"] = dice.choice([half, own["H"] + 32, 2 * own["H"], sizes["H"]])
        if all(condition.permits(sizes) for condition in conditions):
            return sizes
    return {**own, "N": dice.randint(2, 9)} if "N" in own else own


def number(text: str) -> int:
    return int(text.replace(",", ""))


def copies_in(title: str) -> int:
    """How many copies a line stands for, by its name."""
    return number((re.findall(r" × ([\d,]+)", title) or ["1"])[0])


@pytest.mark.one_in(2)
@pytest.mark.parametrize("name", NETWORKS)
def test_every_value_is_that_of_the_analysis(name: str, context: Any, tmp_path: Path) -> None:
    analysis, letters = analysed(name), general(name)
    own = sizes_of(analysis.inputs, letters.inputs)
    opened = Opened(context, saved(tmp_path, page(name)))
    dice = random.Random(f"{SEED}/{name}")
    for _ in range(3):
        sizes = admissible(letters, own, dice)
        inputs = {k: tuple(at(size, sizes) for size in x.shape) for k, x in letters.inputs.items()}
        known = {k: v for k, v in analysis.parameters.items() if k not in analysis.architecture.decided}
        there = shapecalc.analyse(analysis.architecture, inputs, known)
        opened.set(sizes)
        assert number(opened.text("#params")) == there.totals.params
        assert number(opened.text("#macs")) == there.totals.macs
        assert opened.text("#output") == ", ".join("×".join(map(str, x.shape)) for x in there.outputs)
        rows = opened.rows()
        times = {path: copies_in(title) for path, (title, *_) in rows.items()}
        nodes = {node.path: node for node in all_nodes(there.tree)}
        for path, (_, _, output, params, macs, *_) in rows.items():
            node = nodes[path]
            totals = there.totals_of(node)
            copies = prod(times.get(outer, 1) for outer in accumulate(path.split("."), "{}.{}".format))
            assert output == ("×".join(map(str, node.output.shape)) or "scalar"), path
            assert (number(params), number(macs)) == (totals.params * copies, totals.macs * copies), path
    assert opened.asked == [opened.asked[0]]
    assert opened.complaints == []


@pytest.mark.parametrize("name", ["nin", "alexnet", "imagenet/densenet121", "vgg11"])
def test_below_the_smallest_input_the_layer_is_marked(name: str, context: Any, tmp_path: Path) -> None:
    analysis = analysed(name)
    found = domain(general(name))
    smallest = dict(found.smallest or {})
    opened = Opened(context, saved(tmp_path, page(name)))
    opened.set(smallest)
    assert opened.tab.is_hidden("#problem")
    at_h = {"N": 1, **smallest, "H": smallest["H"] - 1}
    opened.set(at_h)
    broken = [s.condition.path for s in found.decisive if not s.condition.permits(at_h)]
    order = [row.path for row in analysis.rows]
    assert min(broken, key=order.index) in opened.text("#problem")
    assert opened.text("#output") == "—"
    assert opened.tab.locator("#rows tr.failed").count() > 0
    assert "NaN" not in opened.text("body")


def test_the_address_holds_what_is_seen(context: Any, tmp_path: Path) -> None:
    path = saved(tmp_path, page("nin"))
    first = Opened(context, path, "#N=2&H=101&W=102&row=nin[1].Conv2d[0]&theme=dark&x=1")
    assert first.text("#which").startswith("nin[1].Conv2d[0]: in_channels 96")
    assert "⌊(n − k + p + s)/s⌋ = ⌊(11 − 5 + 4 + 1)/1⌋ = 11" in first.text("#why")
    again = Opened(context, path, "#" + first.tab.url.partition("#")[2])
    seen = "['#rows', 'dl', '#why'].map(what => document.querySelector(what).innerText)"
    state = f"[location.hash, document.documentElement.dataset.theme, {seen}]"
    assert again.tab.evaluate(state) == first.tab.evaluate(state)
    wrong = Opened(context, path, "#H=no&row=none")
    assert "H is a number" in wrong.text("#note")
    assert wrong.text("#params") == "1,992,166"


def test_keys_move_fold_and_find(context: Any, tmp_path: Path) -> None:
    opened = Opened(context, saved(tmp_path, page("nin")))
    opened.tab.focus("#rows tr")
    lines = len(opened.rows())
    opened.tab.focus("#rows tr")
    opened.tab.keyboard.press("ArrowLeft")
    assert opened.tab.locator("#rows tr").count() == lines - 6
    opened.tab.keyboard.press("ArrowDown")
    assert opened.text("#which").startswith("MaxPool2d[0]")
    opened.tab.keyboard.press("End")
    assert opened.text("#which").startswith("Flatten[0]")
    opened.tab.keyboard.press("/")
    opened.tab.keyboard.type("pool")
    assert opened.tab.locator("#rows tr").count() == 4
    opened.tab.keyboard.press("Escape")
    opened.tab.focus("#slider-H")
    opened.tab.keyboard.press("ArrowRight")
    assert opened.text("#output") == "1×10"
    assert "H=225&W=225" in opened.tab.url
    assert opened.complaints == []


def test_a_batch_that_fits_is_the_largest(context: Any, tmp_path: Path) -> None:
    opened = Opened(context, saved(tmp_path, page("nin")))
    opened.tab.fill("#budget", "1")
    batch = number(re.findall(r"batch of ([\d,]+)", opened.text("#fits0"))[0])
    peaks = []
    for size in (batch, batch + 1):
        opened.set({"N": size})
        peaks.append(number(re.findall(r"= ([\d,]+) B", opened.text("#memory0"))[0]))
    assert peaks[0] <= 2**30 < peaks[1]


@pytest.mark.one_in(2)
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1200, 400])
def test_everybody_can_use_it(scheme: str, width: int, chromium: Any, tmp_path: Path) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    context = chromium.new_context(
        offline=True, color_scheme=scheme, viewport={"width": width, "height": 900}
    )
    opened = Opened(context, saved(tmp_path, page("unet")))
    found = axe.Axe().run(opened.tab)
    assert found.response["violations"] == [], found.generate_report()
    assert opened.tab.evaluate("document.documentElement.scrollWidth") <= width
    context.close()


def test_without_scripts_the_table_is_there(chromium: Any, tmp_path: Path) -> None:
    context = chromium.new_context(java_script_enabled=False)
    tab = context.new_page()
    tab.goto(saved(tmp_path, page("nin")).as_uri())
    assert "nin[1]" in tab.inner_text("#rows")
    assert "503,939,072" in tab.inner_text("#rows")
    assert tab.is_hidden(".controls")
    context.close()


def test_it_prints(context: Any, tmp_path: Path) -> None:
    opened = Opened(context, saved(tmp_path, page("nin")))
    opened.tab.emulate_media(media="print")
    assert opened.tab.is_hidden(".controls")
    assert "H = 224" in opened.text(".sizes")
    assert opened.tab.pdf(format="A4").startswith(b"%PDF")


def test_a_file_is_text_and_never_markup(context: Any, tmp_path: Path) -> None:
    file = (
        f"name: {HOSTILE!r}\nnotes: '<b onclick=x>&'\ninput: 1x3\nlayers: [Linear as l: 4]  # <img src=y>\n"
    )
    analysis = shapecalc.analyse(shapecalc.parse(file))
    opened = Opened(context, saved(tmp_path, written(analysis, "shapecalc show x")))
    assert opened.text("h1") == HOSTILE
    assert opened.tab.locator("img, b").count() == 0
    assert opened.complaints == []
    assert len(opened.asked) == 1


def test_copies(chromium: Any, tmp_path: Path) -> None:
    context = chromium.new_context(permissions=["clipboard-read", "clipboard-write"])
    opened = Opened(context, saved(tmp_path, page("lenet")))
    opened.tab.select_option("#copy", "markdown")
    opened.tab.wait_for_timeout(50)
    copied = opened.tab.evaluate("navigator.clipboard.readText()")
    assert copied.splitlines()[:2] == [
        "| Layer | Arguments | Output | Params | MACs |",
        "| --- | --- | --- | ---: | ---: |",
    ]
    opened.tab.select_option("#copy", "command")
    opened.tab.wait_for_timeout(50)
    assert opened.tab.evaluate("navigator.clipboard.readText()") == "shapecalc show x --input 1x1x28x28"
    context.close()


def test_a_step_of_a_slider_is_quick(context: Any, tmp_path: Path) -> None:
    opened = Opened(context, saved(tmp_path, page("imagenet/densenet121")))
    script = """() => {
        const begin = performance.now();
        for (let n = 0; n < 5; n++) { sizes.H = String(300 + n); update(); }
        return (performance.now() - begin) / 5;
    }"""
    # Of twelve short tries some are not disturbed by what runs beside.
    assert any(opened.tab.evaluate(script) < 16 for _ in range(12))


_MEASURE = """() => [...document.querySelectorAll('g.b')].flatMap(g => {
    const box = g.querySelector('rect').getBBox();
    return [...g.querySelectorAll('text')].map(text => [text, text.getBBox()]).filter(([, own]) =>
        own.x < box.x || own.x + own.width > box.x + box.width
        || own.y < box.y - 1 || own.y + own.height > box.y + box.height + 1,
    ).map(([text]) => text.textContent);
})"""


_BEYOND = """() => {
    const { width } = document.documentElement.getBoundingClientRect();
    return [...document.querySelectorAll('text')].map(text => [text, text.getBBox()])
        .filter(([, own]) => own.x < 0 || own.x + own.width > width).map(([text]) => text.textContent);
}"""


@pytest.mark.parametrize("file", plots())
def test_texts_of_plots_are_no_wider_than_thought(file: str, context: Any) -> None:
    assert Opened(context, FOLDER / file).tab.evaluate(_BEYOND) == []


@pytest.mark.one_in(2)
@pytest.mark.parametrize("name", FEW)
def test_texts_of_pictures_are_inside_their_boxes(name: str, context: Any, tmp_path: Path) -> None:
    for view, options in (("blocks", {}), ("graph", {"show": "shapes,params,macs", "colour": "macs"})):
        path = tmp_path / f"{view}.svg"
        picture = shapecalc.draw(analysed(name), view, **options)  # type: ignore[arg-type]
        path.write_text(picture.text, encoding="utf-8")
        assert Opened(context, path).tab.evaluate(_MEASURE) == []
