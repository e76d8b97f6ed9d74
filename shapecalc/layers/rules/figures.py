"""What a layer makes of its inputs: the tensors out, the weights it owns, its multiply-accumulates."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple

from shapecalc.errors import ArchitectureError
from shapecalc.layers.fields import Inferred
from shapecalc.layers.rules.arguments import ArgumentRules
from shapecalc.layers.rules.kept import kept
from shapecalc.layers.weights import Weight, Weights
from shapecalc.symbolic import Dim
from shapecalc.symbolic.conditions import Condition, collecting
from shapecalc.tensors import Shape, Tensor, check_equal, check_size, is_complex, product
from shapecalc.window import Window


class Figures(NamedTuple):
    """All that a layer makes of given inputs: tensors out, what it owns, multiply-accumulates."""

    outputs: tuple[Tensor, ...]
    weights: Weights
    macs: Dim
    conditions: tuple[Condition, ...] = ()
    """What the sizes must satisfy where they are formulas."""


class FigureRules(ArgumentRules):
    """The rules of shapes, weights and multiply-accumulates.

    Each takes one tensor for each input, so a subclass writes `output(self, x)`, or
    `output(self, x, h=None)` where an input may be left out, or `output(self, *xs)`.
    """

    inputs_range: ClassVar[tuple[int, float]] = (1, 1)
    """The fewest and the most inputs that the rules take, where no number stands in the place of one."""

    takes_complex: ClassVar[bool] = False
    """Whether its inputs may be complex numbers."""
    measured: ClassVar[bool] = False
    """Whether its figures were measured, and torch is not known to have it."""
    routed: ClassVar[bool] = False
    """Whether each token meets a part of its weights alone."""

    splits: ClassVar[Mapping[str, str]] = MappingProxyType({})
    """The ends of names of its weights that tensor parallelism splits, by columns or rows of a matrix."""
    attends: ClassVar[bool] = False
    """Whether its first inputs are the queries, keys and values of an attention."""

    quantized: ClassVar[tuple[str, ...]] = ()
    """The ends of names of its weights (*, out, in) that tools store as int8 or int4; by default none.

    Those of torch.nn.Linear, as torchao, bitsandbytes, GPTQ and AWQ convert its modules alone.
    """

    @property
    def uncounted(self) -> str:
        """Why its multiply-accumulates are not known, and `macs` are 0; by default they are."""
        return ""

    @property
    def window(self) -> tuple[Window, ...]:
        """The window that slides along each of the last axes, of a type that has one."""
        return ()

    def output(self, *inputs: Any, **_: Any) -> Tensor | tuple[Tensor, ...]:
        """The tensor or tensors out."""
        raise NotImplementedError

    def weights(self, *inputs: Any, **_: Any) -> Weights:
        """Name → weight of what the layer owns, named as in torch's `state_dict`; by default nothing."""
        return {}

    def active(self, weight: Weight) -> Dim:
        """How many elements of a weight take part in what is made of one token; by default all."""
        return weight.elements

    def macs(self, *inputs: Any, **_: Any) -> Dim:
        """Multiply-accumulates, given the inputs and `y`, the first output; by default none.

        Exactly the products that torch's FlopCounterMode counts, where it is not blind: 2 · MACs its FLOPs.
        """
        return 0

    def inferred(self, inputs: tuple[Tensor, ...]) -> dict[str, Dim | Shape]:
        """The sizes that follow from the inputs, each checked against the one written, if any."""
        sizes: dict[str, Dim | Shape] = {}
        for name, field in self.fields.items():
            if isinstance(field, Inferred):
                size = field.value(inputs, self.axes)
                if size is not None:
                    sizes[name] = size
                    self.check_written(name, size, field.source(inputs))
        return sizes

    def check_written(self, name: str, size: Dim, x: Tensor) -> None:
        given = self.__dict__[name]
        if given is None or given == size:
            return
        hint = f"leave {name} out: it follows from the input"
        if x.rank > 2 and given == product(x.shape[1:]):
            hint = f"a Flatten before it makes the input {x.shape[0]}×{given}"
        try:
            message = f"{name} is written as {{0}}, but the input has {{1}} ({x})"
            check_equal(given, size, message, hint, why=f"{name} is {given}")
        except ArchitectureError as error:
            error.argument = name
            raise

    def count_numbers(self) -> int:
        """How many numbers stand in the place of an input."""
        return sum(self.__dict__[name] is not None for name in self.numbers if name)

    @kept
    def figures(self, inputs: tuple[Tensor, ...]) -> Figures:
        """Outputs, weights and MACs of these inputs, whose sizes are numbers or formulas.

        Raises:
            ArchitectureError: the layer can't take these inputs.
        """
        numbers = self.count_numbers()
        fewest, most = self.inputs_range[0] - numbers, self.inputs_range[1] - numbers
        if not fewest <= len(inputs) <= most:
            message = f"{_range_text(fewest, most)} needed, not {len(inputs)}"
            raise ArchitectureError(message, hint=f"`shapecalc layers {self.type}` says which")
        if not self.takes_complex:
            refuse_complex(inputs)
        with collecting() as conditions:
            self.inferred(inputs)
            y = self.output(*inputs)
            outputs = (y,) if isinstance(y, Tensor) else y
            for output in outputs:
                check_size(output)
            weights = MappingProxyType(self.weights(*inputs))
            for weight in weights.values():
                check_size(Tensor(weight.shape, weight.dtype))
            macs = self.macs(*inputs, y=outputs[0])
        return Figures(outputs, weights, macs, (*self._conditions, *conditions))


def refuse_complex(inputs: tuple[Tensor, ...]) -> None:
    """Refuse complex numbers, of a type that does not say what it makes of them."""
    for x in inputs:
        if is_complex(x.dtype):
            hint = "view_as_real, real and imag make real numbers of them"
            raise ArchitectureError(f"real numbers are needed, not {x.dtype}", hint=hint)


def _range_text(fewest: int, most: float) -> str:
    if fewest == most:
        return "one input is" if most == 1 else f"{most} inputs are"
    if most == float("inf"):
        return "at least one input is" if fewest == 1 else f"at least {fewest} inputs are"
    return f"{fewest} to {most} inputs are"
