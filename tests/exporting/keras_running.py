"""Networks that Keras has built of exported code, and verify's module of the same network beside them."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import torch

import shapecalc
from shapecalc.engine.results import Analysis
from shapecalc.exporting.keras import KerasSource, keras_source
from shapecalc.language.architecture import Architecture
from shapecalc.torch_check.network import Network, sample
from tests.exporting.keras_weights import copy
from tests.exporting.running import tensors_of


class Built:
    """A model of Keras, and by row the tensors that its code gave the layer's outputs as."""

    def __init__(self, source: KerasSource, analysis: Analysis) -> None:
        seen: list[Any] = []
        tree = ast.parse(source.text)
        functions = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}

        def see(value: Any) -> Any:
            if not hasattr(value, "weights"):  # a layer that is made once, and called later
                seen.append(value)
            return value

        names: dict[str, Any] = {"_seen": see}
        watched = ast.fix_missing_locations(_Watch(functions).visit(tree))
        exec(compile(watched, f"{source.name}.py", "exec"), names)
        self.model = names[source.name]()
        statements = iter(seen)
        self.tensors: list[Any] = []
        self.layers: list[Any] = []
        for count in source.statements:
            values = [next(statements) for _ in range(count)]
            self.tensors.append(values[-1])
            self.layers.append(next((layer for v in values if (layer := _layer(v)).weights), None))
        assert next(statements, None) is None
        assert len(self.tensors) == len(analysis.rows)

    @property
    def is_free(self) -> bool:
        """Whether the batch may be of any size."""
        return self.model.inputs[0].shape[0] is None

    def values(self, inputs: list[Any]) -> Iterator[list[Any]]:
        """What each layer gives; what follows from no input is known already."""
        tensors = [x for value in self.tensors for x in listed(value)]
        symbolic = [x for x in tensors if not isinstance(x, torch.Tensor)]
        every = type(self.model)(self.model.inputs, symbolic)
        given = inputs[0] if len(inputs) == 1 else inputs
        found = iter(listed(every(given, training=False)))
        for value in self.tensors:
            yield [x if isinstance(x, torch.Tensor) else next(found) for x in listed(value)]


class _Watch(ast.NodeTransformer):
    """Lets `_seen` see what each statement gives that is no call of a block's function."""

    def __init__(self, functions: set[str]) -> None:
        self.functions = {*functions, "keras.Input"} - {"topk"}

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.ClassDef:
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        return node if node.name == "topk" else self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> ast.Assign:
        if not (isinstance(node.value, ast.Call) and ast.unparse(node.value.func) in self.functions):
            node.value = ast.Call(ast.Name("_seen", ast.Load()), [node.value], [])
        return node


def _layer(value: Any) -> Any:
    first = value[0] if isinstance(value, (list, tuple)) else value
    operation = first._keras_history.operation if hasattr(first, "_keras_history") else None
    return operation if hasattr(operation, "weights") else _NoWeights


class _NoWeights:
    weights = ()


def built(
    architecture: Architecture, input: str | None = None, parameters: Mapping[str, int] | None = None
) -> tuple[Analysis, Built]:
    pytest.importorskip("keras", reason="keras is not installed: pip install 'shapecalc[keras]'")
    analysis = shapecalc.analyse(architecture, input, parameters)
    return analysis, Built(keras_source(analysis), analysis)


def listed(value: Any) -> list[Any]:
    return [*value] if isinstance(value, (list, tuple)) else [value]


def elements(weights: Any) -> int:
    return sum(weight.shape.numel() for weight in (w.value for w in weights))


def check_equal(analysis: Analysis, keras: Built) -> None:
    """All layers' shapes, the weights that are trained and those that are not, and all values."""
    for row, value in zip(analysis.rows, keras.tensors, strict=True):
        given = listed(value)
        assert len(given) in (1, len(row.outputs)), row.path
        for x, y in zip(given, row.outputs, strict=False):
            assert len(x.shape) == y.rank, row.path
            assert all(n in (None, size) for n, size in zip(x.shape, y.shape, strict=True)), row.path
    check_weights(analysis, keras)
    check_values(analysis, keras)


def check_weights(analysis: Analysis, keras: Built) -> None:
    """Their numbers; a layer of Keras' has no `num_batches_tracked`."""
    moving = sum(row.buffers for row in analysis.rows) - sum(
        "num_batches_tracked" in row.own_weights for row in analysis.rows
    )
    assert elements(keras.model.trainable_weights) == analysis.totals.trainable_params
    assert elements(keras.model.non_trainable_weights) == moving + analysis.totals.frozen_params


def check_values(analysis: Analysis, keras: Built) -> None:
    """Give both the same weights, drawn, and hold what every layer gives to each other."""
    torch.manual_seed(0)
    network = Network(analysis).eval()
    inputs = [signed(sample(x, "cpu")) for x in analysis.inputs.values()]
    expected: list[tuple[Any, ...]] = []
    with torch.no_grad():
        for row, layer, own in zip(analysis.rows, network.layers, keras.layers, strict=True):
            if row.own_weights:
                draw({name: tensors_of(layer)[name] for name in row.own_weights})
                copy(row, tensors_of(layer), own)
        given = [x.clone() for x in inputs]  # what is in place changes them
        network(*given, observe=lambda _, outputs: expected.append(tuple(y.clone() for y in outputs)))
        for row, xs, ys in zip(analysis.rows, keras.values(inputs), expected, strict=True):
            for x, y in zip(xs, ys[: len(xs)], strict=True):
                compare(x, y, row.path)


def compare(x: Any, y: Any, path: str) -> None:
    """Whole numbers and masks are equal, others to the fifth digit of the largest."""
    assert x.dtype == y.dtype, path
    if not y.is_floating_point():
        assert torch.equal(x, y), path
        return
    finite = torch.where(y.isfinite(), y, 0)
    scale = (finite.abs().max() if finite.numel() else torch.tensor(1.0)).clamp(min=1e-6)
    torch.testing.assert_close(
        x / scale, y / scale, rtol=0, atol=1e-5, equal_nan=True, msg=lambda text: f"{path}: {text}"
    )


def signed(x: torch.Tensor) -> torch.Tensor:
    """Numbers of both signs: zeros and −∞ around them are two paddings."""
    return x - 0.5 if x.is_floating_point() else x


def draw(weights: dict[str, Any]) -> None:
    """Weights of both signs, small enough that what a deep network gives stays a number."""
    for tensor in weights.values():
        if tensor.ndim > 1 and tensor.is_floating_point():
            tensor.copy_(torch.randn_like(tensor) / tensor[0].numel() ** 0.5)
        elif tensor.is_floating_point():
            tensor.copy_(torch.rand_like(tensor) + 0.5)
        else:
            tensor.zero_()  # which indexes anything
