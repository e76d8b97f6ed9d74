"""The inputs of an exported program, and the values of its symbols at which it is read."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from shapecalc.errors import UsageError, quoted
from shapecalc.importing.exported.graph import Graph, Symbols
from shapecalc.importing.exported.sizes import symbol_alone
from shapecalc.language.inputs import parse_input
from shapecalc.tensors import Tensor

_RUNS = 6


def values_at(
    source: Mapping[str, Any], symbols: Symbols, graph: Graph, shapes: str | Mapping[str, str] | None
) -> dict[str, int]:
    """The values of the symbols at the inputs that are asked for.

    Raises:
        UsageError: the program does not take such inputs.
    """
    values = dict(symbols.hints)
    named = input_names(graph)
    given = {named[0]: shapes} if isinstance(shapes, str) else dict(shapes or {})
    for name, text in given.items():
        if name not in named:
            raise UsageError(f"the program has no input {quoted(name)}", hint=f"inputs: {', '.join(named)}")
        at = graph.inputs[named.index(name)]
        tensor = parse_input(text).tensor({}, graph.tensors[at].dtype)
        sizes = source["graph_module"]["graph"]["tensor_values"][at]["sizes"]
        values |= _solved(name, sizes, tensor, graph.tensors[at])
    for name, value in values.items():
        least, most = symbols.bounds.get(name, (1, float("inf")))
        if not least <= value <= most:
            raise UsageError(f"{value} is no size of the program, which takes {least} to {most}")
    return values


def _solved(name: str, sizes: list[Any], tensor: Tensor, own: Tensor) -> dict[str, int]:
    """The symbols of an input's sizes, as a shape has them."""
    found: dict[str, int] = {}
    fits = tensor.rank == own.rank and tensor.dtype == own.dtype
    for size, wanted, usual in zip(sizes, tensor.shape, own.shape, strict=False):
        symbol = symbol_alone((size.get("as_expr") or {}).get("expr_str", ""))
        if symbol and isinstance(wanted, int):
            fits = fits and found.setdefault(symbol, wanted) == wanted
        else:
            fits = fits and wanted == usual
    if not fits:
        message = f"the input {quoted(name)} is {own} {own.dtype} in the program"
        hint = "torch.export's dynamic_shapes leave sizes free"
        raise UsageError(f"{message}, and can't be {tensor} {tensor.dtype}", hint=hint)
    return found


def other_values(symbols: Symbols, values: Mapping[str, int]) -> Iterator[dict[str, int]]:
    """Values of the symbols for runs at other sizes, within their bounds."""
    for number in range(1, _RUNS) if values else ():
        other = {}
        for place, (name, value) in enumerate(values.items()):
            least, most = symbols.bounds.get(name, (1, float("inf")))
            wanted = value + number * (2 * place + 1)
            other[name] = wanted if wanted <= most else max(least, value - number * (2 * place + 1))
        yield other


def input_names(graph: Graph) -> list[str]:
    """The names of the inputs as a file can have them."""
    found: list[str] = []
    for name in graph.inputs:
        word = re.sub(r"\W+", "_", name).strip("_") or "x"
        word = word if word[0].isalpha() else f"x{word}"
        found.append(word if word not in found else f"{word}_{len(found)}")
    return found
