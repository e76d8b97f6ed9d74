"""Calls of which nothing is known here but what was measured, at one shape of their inputs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from shapecalc.allocation import Trace, Value
from shapecalc.errors import ArchitectureError, UnknownError
from shapecalc.layers.base import Layer, example
from shapecalc.layers.fields import Field, NamedTensors, Tensors, Text
from shapecalc.layers.fields.measured import tensor_of, text_of
from shapecalc.layers.weights import Weight, Weights
from shapecalc.operations import Operations
from shapecalc.symbolic import Dim
from shapecalc.tensors import LARGEST, Tensor, is_differentiable

_HINT = "import the network again at these inputs: shapecalc import TARGET --input SHAPE"


class Counted(Field["int | None"]):
    """A count, which the layer's rule of the same name answers with; null where nobody has counted."""

    described = "a whole number of at least 0"
    minimum = 0

    def __init__(self) -> None:
        super().__init__(None)

    def __get__(self, layer: Any, owner: type) -> Any:
        return self if layer is None else self._rule(layer)

    def __set__(self, layer: Any, value: object) -> None:
        """Nothing sets it: with this method, the rule stands before the value of the same name."""
        raise AttributeError(self.name)

    def _rule(self, layer: Any) -> Callable[..., int]:
        return lambda *_, **__: layer.__dict__[self.name] or 0

    def accept(self, value: object, axes: int) -> int | None:
        return value if type(value) is int and 0 <= value <= LARGEST else None


class opaque(Layer):
    """A call that no layer type here does: its figures were measured, on inputs of these shapes, and hold there alone.

    `call` says what it is; `params` and `buffers` are its weights by name, `macs` its multiply-accumulates by
    torch's counter, unknown where left out. Source: what `shapecalc import` measured.
    """  # noqa: E501  # the first sentence is the summary

    measured = True
    unmeasured = True
    takes_complex = True
    undecided = "was not measured"
    example = example((1, 16, 8), call="torch.foo", inputs=("1x16x8",), outputs=("1x16x8",), macs=2048)
    call = Text()
    inputs = Tensors()
    outputs = Tensors()
    params = NamedTensors()
    buffers = NamedTensors()
    macs = Counted()

    @classmethod
    def _count_inputs(cls) -> None:
        """Any number of tensors, which stand in `from`, not in branches."""
        cls.inputs_range = (1, float("inf"))

    def check(self) -> None:
        names = [name for name, _ in (*self.params, *self.buffers)]
        if len({*names}) < len(names):
            raise ArchitectureError("a weight is among params and buffers", argument="buffers")
        for name, text in self.params:
            if not is_differentiable(tensor_of(text).dtype):
                message = f"{name} is of {text}: what is learned is of real or complex numbers"
                raise ArchitectureError(message, argument="params")

    @property
    def uncounted(self) -> str:
        return "" if self.__dict__["macs"] is not None else f"the products of {self.call} were not counted"

    def output(self, *xs: Tensor) -> tuple[Tensor, ...]:
        if tuple([text_of(x) for x in xs]) != self._texts():
            found = ", ".join(text_of(x) for x in xs)
            measured = f"{self.call} was measured on {', '.join(self.inputs)} alone"
            raise ArchitectureError(f"{measured}: on {found} its figures are not known", hint=_HINT)
        return tuple(map(tensor_of, self.outputs))

    def _texts(self) -> tuple[str, ...]:
        """The inputs as `text_of` writes them, where the file says float32 too."""
        return tuple([text_of(tensor_of(text)) for text in self.inputs])

    def weights(self, *xs: Tensor) -> Weights:
        learned = {name: Weight(*tensor_of(text)) for name, text in self.params}
        return {**learned, **{name: Weight(*tensor_of(text), buffer=True) for name, text in self.buffers}}

    def macs_without_padding(self, *xs: Tensor, y: Tensor) -> Dim:
        """Not known, but that there are none where there are no products.

        Raises:
            ArchitectureError: there are some, or nobody has counted them.
        """
        if self.uncounted or self.__dict__["macs"]:
            message = self.uncounted or f"which products of {self.call} are with zeros was not measured"
            raise ArchitectureError(message)
        return 0

    def gradient_macs(self, *xs: Tensor, **_: Any) -> Dim:
        raise UnknownError(f"the gradients of {self.call} were not measured")

    def ops(self, *xs: Tensor, y: Tensor) -> Operations:
        raise ArchitectureError(f"the operations of {self.call} were not measured")

    def remark(self, *xs: Tensor) -> str:
        measured = f"measured on {', '.join(self.inputs)}: no formula, and no figure at other shapes"
        return f"{measured}; {self.uncounted}" if self.uncounted else measured

    def run(self, trace: Trace, *xs: Value) -> tuple[Value, ...]:
        return self.at_least(trace, *map(tensor_of, self.outputs))
