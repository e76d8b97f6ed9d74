"""`explain`: derivations as text, Markdown, LaTeX and JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from shapecalc.analysis.domain.domain import needed_of, solved_each
from shapecalc.analysis.explain.derivation import Derivation, WindowCount
from shapecalc.analysis.explain.explain import Explanation
from shapecalc.engine.results import Analysis
from shapecalc.render.cells import count, how_many
from shapecalc.render.domain import grouped
from shapecalc.render.grid import print_json
from shapecalc.render.show import heading
from shapecalc.render.streams import writable
from shapecalc.render.tree import arguments_text
from shapecalc.render.wrapping import hung, screen
from shapecalc.symbolic import Dim, at, lone_symbol
from shapecalc.symbolic.conditions import EQUAL, Condition
from shapecalc.symbolic.implied import decisive
from shapecalc.symbolic.notation import GROUPED, LATEX, PLAIN, Notation, shape_text, text
from shapecalc.tensors import for_json
from shapecalc.window import Window

_HANG = 2  # how much further in a formula goes on
_ELEMENT = {"H": "row", "W": "column"}


class Item(NamedTuple):
    """A line of a section: a label, then mathematics, then words, each of which may be missing."""

    label: str = ""
    maths: str = ""
    words: str = ""


def print_explanations(
    analysis: Analysis, explained: Sequence[Explanation], form: str, problem: str | None
) -> None:
    """Print explanations; `problem` says why there is no formula for every input, if there is none."""
    if form == "json":
        print_json({"name": analysis.name, "layers": [to_json(one) for one in explained]})
        return
    write = {"text": _text, "markdown": _markdown, "latex": _latex}[form]
    lines = [*write(analysis, explained)]
    if problem:
        lines += ["", f"No formula for every input: {_escaped(problem) if form == 'latex' else problem}"]
    print(writable("\n".join(lines)))


def sections(one: Explanation, notation: Notation) -> Iterator[tuple[str, list[Item]]]:
    """The parts of an explanation, each a title and lines."""
    row = one.row
    if row.inputs:
        yield "Input", [Item(maths=shape_text(x.shape, notation)) for x in row.inputs]
    output = [Item(maths=shape_text(row.output.shape, notation))]
    output += [Item(maths=_chain(derivation, notation)) for derivation in one.output]
    output += [Item(words=words) for words in _about_windows(one)]
    yield "Output", output
    if one.fits:
        yield "Fits", [Item(maths=fit) for fit in _fits(one, notation)]
    if border := [Item(words=words) for words in _border(one)]:
        yield "Border", border
    if row.weights:
        weights = [Item(name, _chain(d, notation)) for name, d in one.weights.items()]
        yield "Weights", [*weights, Item(words=_counted(one))]
    if one.macs:
        reuse = f"each weight multiplies once at each of the {shape_text(one.positions)} positions"
        yield (
            "MACs",
            [Item(maths=_chain(one.macs, notation)), *([Item(words=reuse)] if one.positions else [])],
        )
    if one.general and one.general.output.shape != row.output.shape:
        yield "In general", list(_in_general(one, notation))


def _chain(derivation: Derivation, notation: Notation) -> str:
    return " = ".join(derivation.chain(notation))


def _fits(one: Explanation, notation: Notation) -> list[str]:
    """Why the inputs fit: the conditions that hold, sizes that are equal in one line."""
    written: list[str] = []
    equal: dict[Dim, list[str]] = {}
    first: dict[str, Dim] = {}
    for condition, values in one.fits:
        left, right = text(condition.left, notation), text(condition.right, notation)
        if condition.relation == EQUAL:
            size = at(condition.left, first)  # max(H₀, H₁), where both are the same, is H₀
            number = text(at(size, values), notation)
            equal.setdefault(size, [text(size, notation), number]).insert(-1, right)
            if name := lone_symbol(condition.right):
                first[name] = size
        else:
            numbers = (text(at(size, values), notation) for size in (condition.left, condition.right))
            relation = r"\text{ divisible by }" if notation.by == LATEX.by else "divisible by"
            written.append(f"{left} {relation} {right}: {f' {relation} '.join(numbers)}")
    return [*(" = ".join(sizes) for sizes in equal.values()), *written]


def _about_windows(one: Explanation) -> Iterator[str]:
    """Remarks where p and k are not torch's arguments, where windows are left out, and the layer's own."""
    windows = one.row.layer.window
    for padding in sorted({(w.before, w.after) for w in windows if w.before or w.after}):
        yield f"p is the padding of both sides together: {padding[0]} + {padding[1]} = {sum(padding)}"
    for window in sorted({w for w in windows if w.dilation > 1}):
        extent = f"{window.dilation}⋅({window.kernel} − 1) + 1 = {window.extent}"
        yield f"k is the extent of the kernel with its gaps: dilation⋅(kernel_size − 1) + 1 = {extent}"
    if any(isinstance(d.formula, WindowCount) and d.formula.drops for d in one.output):
        yield "− 1, because the last window would begin in the padding after the end"
    remark = one.row.layer.remark(*one.row.inputs)
    if remark:
        yield remark


def _border(one: Explanation) -> Iterator[str]:
    grouped: dict[tuple[int, Window, int], list[str]] = {}
    for letter, number, window, size in one.unread:
        grouped.setdefault((number, window, size), []).append(
            how_many(number, _ELEMENT.get(letter, "element"))
        )
    for (number, w, n), elements in grouped.items():
        left = (n - w.extent + w.before + w.after) % w.stride
        remainder = f": ({n} − {w.extent} + {w.before + w.after}) mod {w.stride} = {left}"
        padding = f", {w.after} of it padding" if w.after else ""
        plain = left == number + w.after  # not where windows skip elements or lie in the padding alone
        yield f"{' and '.join(elements)} at the end read by no window{(remainder + padding) * plain}"
    for gap in sorted({w.stride - w.extent for w in one.row.layer.window if w.stride > w.extent}):
        yield f"between two windows, {how_many(gap, 'element')} read by none"


def _counted(one: Explanation) -> str:
    params, buffers = one.row.params, one.row.buffers
    words = f"{count(params)} parameters" if params != 1 else "1 parameter"
    if buffers != 0:
        words += f" and {count(buffers)} elements of buffers"
    if one.row.frozen:
        part = len(one.row.frozen) < len(one.row.learned)
        words += f", {', '.join(sorted(one.row.frozen))} frozen" if part else ", frozen"
    for name, scheme in one.row.stored.items():
        words += f"; {name} is stored as {scheme} with scales"
    if one.row.shared:
        words += f"; {', '.join(sorted(one.row.shared))} shared with an earlier layer, and counted there"
    if one.positions:
        words += f", the same at each of the {shape_text(one.positions)} positions"
    return words


def _in_general(one: Explanation, notation: Notation) -> Iterator[Item]:
    row = one.general
    assert row is not None  # the section is there only if it is
    inputs = ", ".join(shape_text(x.shape, notation) for x in row.inputs)
    arrow = r" \to " if notation.by == LATEX.by else " → "
    yield Item(maths=f"{inputs}{arrow}{shape_text(row.output.shape, notation)}")
    if row.params != one.row.params:
        yield Item("parameters", text(row.params, notation))
    if row.macs != one.row.macs:
        yield Item("MACs", text(row.macs, notation))
    if one.conditions:
        yield Item("needs", ", ".join(_conditions(one.conditions, notation)))
    elif one.fits:
        yield Item(words="the inputs fit whatever the sizes are")


def _conditions(conditions: Sequence[Condition], notation: Notation) -> list[str]:
    """Those that decide, in the words of `domain`; as formulas where they are typeset."""
    needed = needed_of(solved_each(decisive([condition.strict for condition in conditions])))
    if notation.by != LATEX.by:
        return grouped([*map(str, needed)])
    relations = {"≥": r"\geq", "=": "=", "divisible by": r"\text{divisible by}"}
    sides = ((text(c.left, LATEX), relations[c.relation], text(c.right, LATEX)) for c, _ in needed)
    return [*map(" ".join, sides)]


def _title(one: Explanation) -> str:
    arguments = arguments_text(one.row)
    return f"{one.row.type}, {arguments}" if arguments else one.row.type


def _kept(one: Explanation) -> bool:
    """Whether there is nothing to derive: no new size, no weight, no product."""
    row = one.row
    alone = len(row.inputs) == 1 and row.inputs[0].shape == row.output.shape
    made = one.output or row.weights or row.layer.window or row.macs != 0
    return alone and not made


def _text(analysis: Analysis, explained: Sequence[Explanation]) -> Iterator[str]:
    width = screen()
    yield from hung(writable(heading(analysis)), width)
    for one in explained:
        yield ""
        yield from hung(writable(f"{one.row.path}: {_title(one)}"), width)
        if _kept(one):
            yield f"  the size of its input, {one.row.output}"
            continue
        for title, items in sections(one, GROUPED):
            widest = max(len(item.label) for item in items)
            for number, item in enumerate(items):
                label = f"{item.label:{widest}}  " if widest else ""
                head = f"  {title if number == 0 else '':<10}  {label}"
                line = f"{head}{item.maths}{item.words}".rstrip()
                yield from hung(writable(line), width, len(head) + _HANG)


def _markdown(analysis: Analysis, explained: Sequence[Explanation]) -> Iterator[str]:
    yield f"## {heading(analysis)}"
    for one in explained:
        yield from ("", f"### `{one.row.path}`", "", _title(one), "")
        if _kept(one):
            yield f"- the size of its input, {one.row.output}"
            continue
        for title, items in sections(one, GROUPED):
            first, *others = items
            yield f"- **{title}** {_marked(first)}"
            yield from (f"  - {_marked(item)}" for item in others)


def _marked(item: Item) -> str:
    return f"{item.label} {item.maths}{item.words}".strip()


def _latex(analysis: Analysis, explained: Sequence[Explanation]) -> Iterator[str]:
    yield rf"\section*{{{_escaped(heading(analysis))}}}"
    for one in explained:
        yield ""
        yield rf"\subsection*{{\texttt{{{_escaped(one.row.path)}}}: {_escaped(_title(one))}}}"
        yield r"\begin{itemize}"
        if _kept(one):
            yield rf"  \item the size of its input, ${shape_text(one.row.output.shape, LATEX)}$"
        else:
            for title, items in sections(one, LATEX):
                head = rf"\textbf{{{title}}} "
                for item in items:
                    yield rf"  \item {head}{_typeset(item)}"
                    head = ""
        yield r"\end{itemize}"


def _typeset(item: Item) -> str:
    maths = f"${item.maths}$" if item.maths else ""
    return " ".join(part for part in (_escaped(item.label), maths, _escaped(item.words)) if part)


_BRACKETS = {"⌈": "lceil", "⌉": "rceil", "⌊": "lfloor", "⌋": "rfloor"}
_SIGNS = {"×": "times", "·": "cdot", "⋅": "cdot", "≥": "geq", "→": "to", **_BRACKETS}
_LATEX_SPECIAL = {
    **{character: rf"\{character}" for character in "_%&#${}"},
    **{sign: rf"$\{command}$" for sign, command in _SIGNS.items()},
    "−": "$-$",
    "~": r"\~{}",
    "\\": r"\textbackslash{}",
}


def _escaped(words: str) -> str:
    return "".join(_LATEX_SPECIAL.get(character, character) for character in words)


def to_json(one: Explanation) -> dict[str, Any]:
    row = one.row
    general = one.general
    return {
        "path": row.path,
        "type": row.type,
        "inputs": [for_json(x.shape) for x in row.inputs],
        "output": for_json(row.output.shape),
        "sizes": [_derivation(", ".join(d.names), d) for d in one.output],
        "fits": _fits(one, PLAIN),
        "unread": {letter: number for letter, number, *_ in one.unread},
        "weights": [_derivation(name, derivation) for name, derivation in one.weights.items()],
        "macs": _derivation("MACs", one.macs) if one.macs else None,
        "in_general": general
        and {
            "inputs": [for_json(x.shape) for x in general.inputs],
            "output": for_json(general.output.shape),
            "params": for_json(general.params),
            "macs": for_json(general.macs),
            "conditions": [condition.ascii() for condition in one.conditions],
        },
    }


def _derivation(name: str, derivation: Derivation) -> dict[str, Any]:
    formula, values = derivation.formula.chain(PLAIN)
    return {"of": name, "formula": formula, "values": values, "result": for_json(derivation.result)}
