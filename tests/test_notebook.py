"""What a notebook shows: tables without a script, formulas typeset, the page in a frame, a cell of YAML."""

from __future__ import annotations

import html
from html.parser import HTMLParser
from typing import Any

import pytest

import shapecalc
from shapecalc import Analysis
from tests.networks import analysed
from tests.readme import DOCS

HOSTILE = "</table><script>alert(1)</script><img src=x onerror=alert(1)>"
TAGS = {*["div", "p", "b", "table", "thead", "tbody", "tr", "th", "td", "br", "details", "summary"]}


def shown() -> dict[str, Any]:
    nin = shapecalc.load("nin")
    general = shapecalc.analyse(nin, "Nx1xHxW")
    other = shapecalc.analyse(nin, parameters={"classes": 3})
    return {
        "analysis": analysed("nin"),
        "letters": general,
        "large": analysed("imagenet/resnet50"),
        "domain": shapecalc.domain(general),
        "memory": shapecalc.memory(analysed("nin")),
        "difference": shapecalc.compare(analysed("nin"), other),
        "work": shapecalc.Work.of_all(analysed("nin")),
    }


class Balanced(HTMLParser):
    """Reads HTML and keeps what is open; scripts and handlers fail."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        assert tag in {
            "div",
            "p",
            "b",
            "table",
            "thead",
            "tbody",
            "tr",
            "th",
            "td",
            "br",
            "details",
            "summary",
        }
        assert {name for name, _ in attributes} <= {"align"}
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data + " "


@pytest.mark.parametrize("name", list(shown()))
def test_results_show_themselves(name: str) -> None:
    bundle = shown()[name]._repr_mimebundle_()
    reader = Balanced()
    reader.feed(bundle["text/html"])
    assert reader.open == []
    assert {*bundle} == {"text/plain", "text/markdown", "text/html"}
    assert bundle["text/plain"].splitlines()[0] in html.unescape(bundle["text/html"])


def test_a_table_has_the_figures_and_a_large_one_is_folded() -> None:
    small, large = shown()["analysis"]._repr_html_(), shown()["large"]._repr_html_()
    assert "87,619,968" in small
    assert "<details>" not in small
    assert large.count("<table>") == 2
    assert large.partition("<details>")[0].count("<tr>") < 30


def test_a_name_is_text_and_never_markup() -> None:
    file = f"name: {HOSTILE!r}\ninput: 1x3\nlayers: [Linear: 4]\n"
    analysis = shapecalc.analyse(shapecalc.parse(file))
    reader = Balanced()
    reader.feed(analysis._repr_html_())
    assert HOSTILE in reader.text


def test_formulas_are_typeset() -> None:
    size: Any = shapecalc.analyse(shapecalc.load("nin"), "Nx1xHxW").rows[0].output.shape[2]
    assert size._repr_latex_() == r"$\left\lfloor \frac{H - 7}{4} \right\rfloor$"


def test_the_page_is_in_a_frame_of_its_own() -> None:
    page = analysed("nin").report()
    frame = page._repr_html_()
    assert frame.startswith('<iframe srcdoc="&lt;!doctype html&gt;')
    assert html.unescape(frame.partition('srcdoc="')[2].partition('"')[0]) == page.html


def test_a_cell_of_yaml_is_a_network() -> None:
    class Shell:
        def register_magic_function(self, function: Any, kind: str, name: str) -> None:
            assert (kind, name) == ("cell", "shapecalc")
            self.magic = function

    shell = Shell()
    shapecalc.load_ipython_extension(shell)
    found = shell.magic("1x3x8x8", "input: 1x3x4x4\nlayers: [Flatten, Linear: 2]\n")
    assert isinstance(found, Analysis)
    assert found.totals.params == 2 * 192 + 2


def test_the_notebook_runs() -> None:
    nbformat = pytest.importorskip("nbformat", reason="pip install '.[browser]' runs notebooks")
    nbclient = pytest.importorskip("nbclient", reason="pip install '.[browser]' runs notebooks")
    notebook = nbformat.read(DOCS / "notebook.ipynb", as_version=4)
    nbclient.NotebookClient(notebook, timeout=300).execute()
    shown = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert {output.output_type for output in shown} == {"execute_result"}
    kinds = {kind for output in shown for kind in output.data}
    assert {"text/html", "text/latex", "image/svg+xml", "text/markdown"} <= kinds
