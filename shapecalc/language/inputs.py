"""The inputs of a network, as text: `1x3x224x224`, `Nx128:int64`, `Nx3x4*hx4*w`; letters are symbols."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from keyword import iskeyword
from typing import NamedTuple

from shapecalc.errors import ArchitectureError, nearest, quoted, shorten, written
from shapecalc.language.expressions import Expression, Scope, parse_expression
from shapecalc.language.values import identifier
from shapecalc.language.yaml_nodes import Scalar, Source, YamlMapping, YamlNode, kind
from shapecalc.symbolic import Expr, symbol
from shapecalc.symbolic.conditions import at_least
from shapecalc.tensors import BYTES, MOST_AXES, Tensor, check_size

DEFAULT_DTYPE = "float32"
_LONGEST_SYMBOL = 40
_MOST_INPUTS = 1_000
_CONDITION = re.compile(r"[<>=!']|\b(?:and|or|not)\b")
_RESERVED = ("floor", "ceil", "min", "max")


@dataclass(frozen=True, slots=True)
class InputSpec:
    """Sizes as expressions, and a dtype, None where none is written."""

    text: str
    sizes: tuple[Expression, ...]
    dtype: str | None

    def tensor(self, scope: Scope, dtype: str = DEFAULT_DTYPE) -> Tensor:
        """The tensor with the sizes evaluated; `dtype` is for a text that has none.

        A name that is not in `scope` is a symbol.

        Raises:
            ArchitectureError: a size is not positive.
        """
        names = frozenset().union(*(size.names for size in self.sizes))
        known: Scope = {**{name: symbol(name) for name in names}, **scope}
        return checked(Tensor(tuple(size(known) for size in self.sizes), self.dtype or dtype), self.text)


class Inputs(NamedTuple):
    """The inputs by their names, and where each stands."""

    specs: Mapping[str, InputSpec]
    nodes: Mapping[str, YamlNode]


def read_inputs(node: YamlNode, source: Source) -> Inputs:
    if not isinstance(node, YamlMapping):
        return Inputs({"input": read_input(node, source)}, {"input": node})
    if not node.entries:
        raise source.error("at least one input is needed", node)
    if len(node.entries) > _MOST_INPUTS:
        raise source.error(f"a network has at most {_MOST_INPUTS:,} inputs, not {len(node.entries):,}", node)
    named = {identifier(key, source, "an input"): value for key, value in node.entries.values()}
    return Inputs({name: read_input(value, source) for name, value in named.items()}, named)


def read_input(node: YamlNode, source: Source) -> InputSpec:
    if not isinstance(node, Scalar) or isinstance(node.value(), (bool, float, type(None))):
        hint = "write the sizes of all axes joined by x: 1x3x224x224"
        raise source.error(f"a shape is text, not {kind(node)}", node, hint)
    with source.placing(node):
        return parse_input(node.text)


def checked(tensor: Tensor, text: str | None = None) -> Tensor:
    """The tensor, if an input may be of that shape and dtype; `text` is how the user wrote it.

    Raises:
        ArchitectureError: it may not.
    """
    for size in tensor.shape:
        whole = type(size) in (int, Expr)
        if not whole or not at_least(size, 1, "a size is at least 1"):
            needed = "at least 1" if whole else "whole numbers of at least 1"
            found = f"has a size of {written(size)}: sizes are {needed}"
            raise ArchitectureError(f"the input {shorten(text or 'x'.join(map(str, tensor.shape)))} {found}")
    if tensor.dtype not in BYTES:
        raise _unknown_dtype(tensor.dtype, str(tensor))
    check_size(tensor)
    return tensor


def _unknown_dtype(dtype: str, text: str) -> ArchitectureError:
    hint = nearest(dtype, BYTES) or f"dtypes: {', '.join(BYTES)}"
    return ArchitectureError(f"{quoted(dtype)} in the input {quoted(text)} is no dtype", hint=hint)


def parse_input(text: str) -> InputSpec:
    """Parse the text of an input.

    Raises:
        ArchitectureError: it is not of the form above; the error has no place yet.
    """
    shape, _, dtype = text.strip().partition(":")
    dtype = dtype.strip()
    if ":" in text and dtype not in BYTES:
        raise _unknown_dtype(dtype, text)
    parts = [part.strip() for part in re.split("[x×]", shape)]
    try:
        if not all(parts) or len(parts) > MOST_AXES or _CONDITION.search(shape):
            raise ArchitectureError("")
        sizes = tuple(map(parse_expression, parts))
    except ArchitectureError:
        raise ArchitectureError(
            f"{quoted(text)} is no input shape",
            hint="sizes joined by a small x, as in 1x3x224x224; a symbolic size has no x in its name",
        ) from None
    for name in frozenset().union(*(size.names for size in sizes)):
        check_symbol(name)
    return InputSpec(text, sizes, dtype or None)


def check_symbol(name: str) -> None:
    """Refuse a name that a symbol can't have, because formulas use it for something else.

    Raises:
        ArchitectureError: it is one.
    """
    if len(name) > _LONGEST_SYMBOL:
        raise ArchitectureError(f"the symbol {quoted(name)} is longer than {_LONGEST_SYMBOL} characters")
    if "x" in name or name in _RESERVED or iskeyword(name):
        raise ArchitectureError(
            f"{quoted(name)} can't be the name of a symbol",
            hint="a symbol has no x in its name, which joins sizes, and is no word of formulas or of Python",
        )
