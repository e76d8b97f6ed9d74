"""The page itself: HTML around the data, readable without scripts, by which figures follow the sizes."""

from __future__ import annotations

import hashlib
import json
import re
from base64 import b64encode
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

import shapecalc
from shapecalc.analysis.domain.domain import Domain, domain
from shapecalc.analysis.domain.generalise import in_general, sizes_of
from shapecalc.engine.nodes import Node
from shapecalc.engine.results import Analysis
from shapecalc.errors import ArchitectureError, UsageError, visible
from shapecalc.render.cells import count, size
from shapecalc.render.drawing.draw import draw
from shapecalc.render.report.data import Data
from shapecalc.render.show import heading, notes
from shapecalc.render.tree import arguments_text, own_row
from shapecalc.symbolic import symbols_in
from shapecalc.symbolic.notation import shape_text

_HERE = Path(__file__).parent
_MOST_STATIC = 300
"""Lines of the table that stand in the page for readers without scripts; of a deeper one the outer levels."""
_MOST_LINES = 3_000  # each is explained
_LONGEST_FILE = 20_000
"""Characters of a file that stands in the page."""


def page(analysis: Analysis, command: str, fixed: bool = False) -> str:
    """The page of a network as one text of HTML.

    Args:
        analysis: the network at the sizes at which the page opens.
        command: what gives the same table on the command line.
        fixed: whether its sizes stay numbers; else those that may vary become letters.

    Raises:
        UsageError: it has too many different layers and blocks for a page.
        ArchitectureError: a layer can't take letters.
    """
    general = analysis if fixed or analysis.symbols else _general(analysis)
    inputs = _domain(general)
    found = {**((inputs.smallest or {}) if inputs else {}), **sizes_of(analysis.inputs, general.inputs)}
    own = {name: found.get(name, 1) for name in _in_order(general)}
    data = Data(general, inputs, own)
    nodes = data.nodes()
    if len(nodes) > _MOST_LINES:
        message = f"a page has {_MOST_LINES:,} lines at most: here are {len(nodes):,}"
        raise UsageError(message, hint="fewer copies (times) show the same")
    picture = _picture(analysis)
    values = {**data.to_dict(), "command": command}
    return _document(analysis, values, nodes, picture)


def _in_order(general: Analysis) -> list[str]:
    """The symbols in the order of the inputs' axes."""
    sizes = [size for tensor in general.inputs.values() for size in tensor.shape]
    return [*dict.fromkeys([name for size in sizes for name in sorted(symbols_in(size))] + general.symbols)]


def _general(analysis: Analysis) -> Analysis:
    try:
        return in_general(analysis.architecture, analysis.inputs, analysis.parameters, batch=True)
    except ArchitectureError as error:
        raise error.about("with letters for sizes") from None


def _domain(general: Analysis) -> Domain | None:
    try:
        return domain(general)
    except (ArchitectureError, UsageError):
        return None


def _picture(analysis: Analysis) -> str:
    try:
        return _themed(draw(analysis).text)
    except UsageError as error:
        return f"<p>{_text(str(error))}</p>"


def _document(
    analysis: Analysis, values: dict[str, Any], nodes: list[tuple[int, str, Node]], picture: str
) -> str:
    script, style = _asset("page.js"), _asset("page.css")
    inner = re.findall(r"<style>(.*?)</style>", picture, re.DOTALL)
    styles = " ".join(f"'sha256-{_hash(each)}'" for each in (style, *inner))
    policy = (
        f"default-src 'none'; style-src {styles}; script-src 'sha256-{_hash(script)}'; img-src data:;"
        " base-uri 'none'; form-action 'none'"
    )
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{_text(analysis.name)} · shapecalc</title>",
            f"<style>{style}</style>",
            "</head>",
            "<body>",
            *_body(analysis, values, nodes, picture),
            f'<script type="application/json" id="data">{_json(values)}</script>',
            f"<script>{script}</script>",
            "</body>",
            "</html>\n",
        ]
    )


def _body(
    analysis: Analysis, values: dict[str, Any], nodes: list[tuple[int, str, Node]], picture: str
) -> Iterator[str]:
    about = [analysis.architecture.source, analysis.architecture.notes]
    yield f"<header><h1>{_text(analysis.name)}</h1>"
    yield from [f'<p class="dim">{_text(text)}</p>' for text in about if text]
    yield "</header>"
    yield from _controls(values)
    yield "<main>"
    yield '<p id="problem" role="alert" hidden></p><p id="note" class="bad"></p>'
    yield from _totals(analysis, values)
    yield '<p id="live" class="hidden" role="status"></p>'
    yield "<h2>Layers</h2>"
    yield from _table(analysis, nodes)
    yield '<section id="whybox" class="live" tabindex="-1" aria-labelledby="whyhead">'
    yield '<h2 id="whyhead">Why</h2><p id="which"></p><ul id="why" class="plain"></ul></section>'
    if values["conditions"]:
        yield "<h2>Sizes that work</h2>"
        each = [
            f"<li>{_text(c['t'])}: {_text(c['y'])}, in {_text(c['p'])}</li>" for c in values["conditions"]
        ]
        yield f'<ul id="conditions" class="plain">{"".join(each)}</ul>'
    else:
        yield '<ul id="conditions" class="plain"></ul>'
    yield f'<h2>Picture</h2><div class="picture" id="picture" tabindex="0">{picture}</div>'
    yield from _file(analysis)
    yield "</main>"
    yield _asset("dialogs.html")


def _controls(values: dict[str, Any]) -> Iterator[str]:
    yield '<form class="controls" aria-label="Sizes">'
    names = []
    for symbol in values["symbols"]:
        name, value = _text(symbol["name"]), symbol["value"]
        names.append(symbol["name"])
        least = min(symbol["min"], value)
        yield (
            f'<span class="size"><label for="number-{name}">{name}</label>'
            f'<input id="number-{name}" type="number" min="1" value="{value}">'
            f'<input id="slider-{name}" type="range" min="{least}" max="{symbol["max"]}" value="{value}"'
            f' aria-label="{name}"></span>'
        )
    if {"H", "W"} <= {*names}:
        yield '<label><input id="square" type="checkbox" checked> square</label>'
    yield _asset("controls.html") + "</form>"
    shown = ", ".join(f'<span id="shown-{_text(name)}"></span>' for name in names)
    yield f'<p class="sizes">{shown}</p><p id="pinned" class="dim"></p>'


def _totals(analysis: Analysis, values: dict[str, Any]) -> Iterator[str]:
    totals = analysis.totals
    outputs = ", ".join(shape_text(x.shape) for x in analysis.outputs)
    yield "<dl>"
    yield f'<dt>Output</dt><dd id="output">{_text(outputs)}</dd>'
    yield f'<dt>Parameters</dt><dd id="params">{_text(count(totals.params))}</dd>'
    yield f'<dt>Weights in float32</dt><dd id="weights">{_text(size(analysis.weight_bytes()))}</dd>'
    yield f'<dt>MACs</dt><dd id="macs">{_text(count(totals.macs))}</dd>'
    yield f'<dt>FLOPs, 2 a MAC</dt><dd id="flops">{_text(count(2 * totals.macs))}</dd>'
    batch = any(symbol["name"] == "N" for symbol in values["symbols"])
    for number, moment in enumerate(values["memory"]):
        yield f"<dt>{_text(moment['what'])}</dt>"
        if "why" in moment:
            yield f"<dd>unknown: {_text(moment['why'])}</dd>"
        else:
            fits = f' <span id="fits{number}"></span>' if batch else ""
            yield f'<dd><span id="memory{number}"></span>{fits}</dd>'
    yield (
        '<dt class="live"><label for="budget">Memory of a device, GiB</label></dt>'
        '<dd class="live"><input id="budget" type="number" min="0" step="any" value="16"></dd></dl>'
    )


def _table(analysis: Analysis, nodes: list[tuple[int, str, Node]]) -> Iterator[str]:
    yield '<div class="wide" tabindex="0" role="region" aria-label="Layers"><table role="treegrid">'
    yield f"<caption>{_text(heading(analysis))}</caption><thead><tr>"
    for title in ("Layer", "Arguments", "Output shape", "Params", "MACs", "% MACs", "Receptive field"):
        numeric = ' class="n"' if title in ("Params", "MACs") else ""
        yield f'<th scope="col"{numeric}>{title}</th>'
    yield '</tr></thead><tbody id="rows">'
    deepest = max((depth for depth, _, _ in nodes), default=0)
    levels = next((d for d in range(deepest, 0, -1) if sum(n[0] <= d for n in nodes) <= _MOST_STATIC), 0)
    yield from (_static(analysis, *line) for line in nodes[: 4 * _MOST_STATIC] if line[0] <= levels)
    yield "</tbody></table></div>"
    yield f"<noscript><p>{_text('. '.join(notes(analysis)))}</p></noscript>"


def _static(analysis: Analysis, depth: int, name: str, node: Node) -> str:
    row = own_row(analysis, node)
    totals = analysis.totals_of(node)
    said = _text(arguments_text(row)) if row else ""
    shape, params, macs = shape_text(node.output.shape), count(totals.params), count(totals.macs)
    return (
        f'<tr><th scope="row" class="d{min(depth, 12)}">{_text(name)}<td>{said}<td>{_text(shape)}'
        f'<td class="n">{_text(params)}<td class="n">{_text(macs)}<td><td>'
    )


def _file(analysis: Analysis) -> Iterator[str]:
    source = analysis.architecture.document.text
    digest = hashlib.sha256(source.encode()).hexdigest()
    yield f"<footer><p>Made by shapecalc {shapecalc.__version__} of a file with the SHA-256 {digest}</p>"
    if len(source) <= _LONGEST_FILE:
        yield f"<details><summary>The file</summary><pre>{_lines(source)}</pre></details>"
    yield "</footer>"


def _asset(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _json(values: dict[str, Any]) -> str:
    """JSON in which nothing ends or begins an element."""
    text = json.dumps(values, ensure_ascii=False, separators=(",", ":"))
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text


def _text(said: str) -> str:
    return escape(visible(said))


def _lines(said: str) -> str:
    return "\n".join(map(_text, said.splitlines()))


def _themed(picture: str) -> str:
    """A picture whose style follows the page's: dark where the reader chooses that."""

    def style(match: re.Match[str]) -> str:
        light, _, dark = match[1].partition("@media (prefers-color-scheme:dark){")
        dark = dark.rstrip().removesuffix("}")
        by_page, by_system = _below(':root[data-theme="dark"]', dark), _below(_NOT_LIGHT, dark)
        dark = f"{by_page}@media (prefers-color-scheme:dark){{{by_system}}}"
        return f"<style>{light}@media screen{{{dark}}}</style>"

    return re.sub(r"<style>(.*?)</style>", style, picture, flags=re.DOTALL)


_NOT_LIGHT = ':root:not([data-theme="light"])'


def _below(above: str, rules: str) -> str:
    """Rules whose selectors hold below another one alone."""
    return re.sub(r"(?m)(^|,)(?=\.)", lambda match: f"{match[1]}{above} ", rules)
