"""The products of an exported program, counted of its own operators: torch's formulas on the shapes it has.

This is another count than that of the layers that the operators become. torch.utils.flop_counter has formulas
for the operators that its counter meets while a module runs; ATen's that are made of these, as `linear` is of
`addmm`, say here which. Nothing is run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any

import torch
from torch.utils.flop_counter import flop_registry

from shapecalc.importing.exported.graph import Graph, Name, Node, tensors_in
from shapecalc.torch_check.uncounted import UNCOUNTED

_ATEN = torch.ops.aten
_FORMULAS: Mapping[Any, Any] = {**flop_registry, **UNCOUNTED}
"""By torch's operator, the FLOPs of arguments of which tensors are told by their shapes."""
Shape = Sequence[int]


class UncountedError(Exception):
    """An operator whose products nothing here counts."""


def macs_of(graph: Graph, constants: set[str]) -> int | None:
    """Multiply-accumulates of the operators that an output hangs on; None if one is not counted.

    `constants` are the tensors that hang on no input and no weight: they are made once.
    """
    try:
        return (
            sum(_flops(node, graph) for node in _needed(graph) if not constants.issuperset(node.outputs)) // 2
        )
    except UncountedError:
        return None


def _needed(graph: Graph) -> list[Node]:
    """The operators that an output hangs on, those that write to a tensor which is read among them."""
    wanted, found = {*graph.outputs}, []
    for node in reversed(graph.nodes):
        read = [*tensors_in([node.args, [*node.kwargs.values()]])]
        if wanted.intersection([*node.outputs, *(read[:1] if _word(node).endswith("_") else [])]):
            wanted.update(read)
            found.append(node)
    return found


def _word(node: Node) -> str:
    """The operator of torch.ops.aten.add.Tensor: add."""
    return node.target.removeprefix("torch.ops.aten.").partition(".")[0]


def is_product(node: Node, graph: Graph) -> bool:
    """Whether an operator multiplies matrices, as far as is known."""
    try:
        return _flops(node, graph) > 0
    except UncountedError:
        return True


def _flops(node: Node, graph: Graph) -> int:
    """The FLOPs of an operator, as torch's counter has them."""
    if not node.target.startswith("torch.ops.aten."):
        raise UncountedError(node.target)
    word, args = _word(node), [_shapes(x, graph) for x in node.args]
    options = {name: _shapes(x, graph) for name, x in node.kwargs.items()}
    out, *_ = [tuple(graph.tensors[name].shape) for name in node.outputs]
    formula = _FORMULAS.get(getattr(_ATEN, word, None))
    if word in _UNCOUNTED:
        raise UncountedError(word)
    try:
        if word in _MADE_OF:
            return _MADE_OF[word](out, *args, **options)
        return 0 if formula is None else int(formula(*args, **options, out_val=out))
    except (AssertionError, RuntimeError):  # shapes that do not fit, which the layer then refuses
        raise UncountedError(word) from None


def _shapes(x: Any, graph: Graph) -> Any:
    """An argument with shapes in the places of tensors."""
    if isinstance(x, list):
        return [_shapes(item, graph) for item in x]
    return tuple(graph.tensors[x].shape) if isinstance(x, Name) else x


def _linear(_out: Shape, x: Shape, weight: Shape, *_: Any, **__: Any) -> int:
    return _product((prod(x[:-1]), x[-1]), (weight[1], weight[0]))


def _product(a: Shape, b: Shape) -> int:
    return int(_FORMULAS[_ATEN.mm](a, b))


def _matmul(_out: Shape, a: Shape, b: Shape, **_: Any) -> int:
    """A vector is a row on the left and a column on the right; leading axes are broadcast."""
    rows, columns = (a if len(a) > 1 else (1, *a)), (b if len(b) > 1 else (*b, 1))
    batch = prod(torch.broadcast_shapes(rows[:-2], columns[:-2]))
    return int(_FORMULAS[_ATEN.bmm]((batch, *rows[-2:]), (batch, *columns[-2:])))


def _convolution(transposed: bool) -> Callable[..., int]:
    def flops(out: Shape, x: Shape, weight: Shape, *_: Any, **__: Any) -> int:
        x, out = (shape if len(shape) == len(weight) else (1, *shape) for shape in (x, out))
        return int(_FORMULAS[_ATEN.convolution](x, weight, None, 1, 0, 1, transposed, out_val=out))

    return flops


def _attention(_out: Shape, query: Shape, key: Shape, value: Shape, *_: Any, **__: Any) -> int:
    heads = [(prod(x[:-3]), *[1] * (len(x) < 3), *x[-3:]) for x in (query, key, value)]
    return int(_FORMULAS[_ATEN._scaled_dot_product_flash_attention](*heads))


def _recurrent(_out: Shape, x: Shape, _states: Any, weights: Any, *_: Any, **__: Any) -> int:
    """Each matrix at each place of each sequence."""
    if not isinstance(weights[0], tuple):
        raise UncountedError("sequences that are packed")
    matrices = [weight for weight in weights if len(weight) == 2]
    return sum(_product((prod(x[:-1]), matrix[1]), (matrix[1], matrix[0])) for matrix in matrices)


def _cell(_out: Shape, x: Shape, state: Any, *weights: Any) -> int:
    """Both matrices, of the input and of the state, at each element of the batch."""
    hidden = state[0] if isinstance(state, list) else state
    return sum(_linear((), x, weight) for x, weight in zip((x, hidden), weights, strict=False))


def _einsum(_out: Shape, equation: str, operands: Sequence[Shape], *_: Any, **__: Any) -> int:
    """Of two tensors: what a letter is summed over, in one of them alone, is summed before the product."""
    given, _arrow, wanted = equation.replace(" ", "").partition("->")
    if len(operands) != 2 or not wanted:
        raise UncountedError("einsum")
    sizes: dict[Any, int] = {}
    read: list[set[Any]] = []
    for term, shape in zip(given.split(","), operands, strict=True):
        before, dots, after = term.partition("...")
        between = range(len(term) - 3 - len(shape), 0) if dots else ()
        axes: list[Any] = [*before, *between, *after]
        read.append({*axes})
        sizes |= {axis: max(n, sizes.get(axis, 1)) for axis, n in zip(axes, shape, strict=True)}
    summed = sizes.keys() - {*wanted, *[axis for axis in sizes if isinstance(axis, int)]}
    if not summed & read[0] & read[1]:
        return 0
    return 2 * prod(n for axis, n in sizes.items() if axis not in summed or axis in read[0] & read[1])


_MADE_OF: Mapping[str, Callable[..., int]] = {
    "linear": _linear,
    "matmul": _matmul,
    **{f"conv{axes}d": _convolution(False) for axes in (1, 2, 3)},
    **{f"conv_transpose{axes}d": _convolution(True) for axes in (1, 2, 3)},
    "scaled_dot_product_attention": _attention,
    "_scaled_dot_product_flash_attention_for_cpu": _attention,
    "bilinear": lambda _out, a, b, weight, *_: int(_FORMULAS[_ATEN._trilinear](a, weight, b)),
    "einsum": _einsum,
    **dict.fromkeys(("lstm", "gru", "rnn_tanh", "rnn_relu"), _recurrent),
    **dict.fromkeys(("lstm_cell", "gru_cell", "rnn_tanh_cell", "rnn_relu_cell"), _cell),
}
"""Operators that are made of those that torch's counter knows: their FLOPs, by output and arguments."""

_UNCOUNTED = {"tensordot", "inner", "chain_matmul", "linalg_multi_dot", "matrix_power", "cov", "corrcoef"}
_UNCOUNTED |= {"linalg_vecdot", "linalg_matrix_power"}
