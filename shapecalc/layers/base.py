"""What a layer type declares: its arguments as fields, its rules as arithmetic on shapes.

    class Linear(Layer):
        in_features = Inferred(axis=-1)
        out_features = Size()
        bias = Flag(True)

        def output(self, x): ...            # the tensor or tensors out
        def weights(self, x): ...           # name → Weight of what it owns
        def macs(self, x, y): ...           # multiply-accumulates
        def gradient_macs(self, x, wanted): ...  # those of the gradients, if not as many for each factor
        def ops(self, x, y): ...            # elementwise operations, by kind
        def saved(self, x): ...             # what autograd keeps; or `run`, the kernels one by one
        def reads(self, x, y, port): ...    # what an output element reads of the input, axis by axis

All rules are in `shapecalc.layers.rules`, in a file for each question. Everything else is derived: the check
of a file's arguments, inferred sizes, counts, the torch module (`torch.nn` has a class of the same name and
arguments, `torch` a function of a name in lower case), and the property tests. A rule takes one parameter
for each input; parameters with a default are inputs that may be left out. `*xs` makes the type a join of
branches, of two at least unless parameters before it say otherwise.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple

from shapecalc.layers.registry import Registry
from shapecalc.layers.rules.costs import CostRules
from shapecalc.layers.rules.memory import MemoryRules
from shapecalc.layers.rules.reading import ReadingRules
from shapecalc.layers.rules.serving import ServingRules
from shapecalc.operations import NOTHING
from shapecalc.tensors import Shape, Tensor

_SPACES = (
    {"space": "the last axis", "axes": "L", "star": ""},
    {"space": "height and width", "axes": "H, W", "star": "*"},
    {"space": "depth, height and width", "axes": "D, H, W", "star": "*"},
)
"""What stands for {space}, {axes} and {star} in the documentation of a family's types."""
_VARIADIC = 0x04  # CO_VARARGS: the rule has *xs


class Example(NamedTuple):
    """A layer as a reference shows it: the tensors that come to it, and its arguments."""

    inputs: tuple[Tensor, ...]
    arguments: Mapping[str, Any]


def example(*inputs: Shape | Tensor, **arguments: Any) -> Example:
    """An example of a type; an input given as a shape is a tensor of float32."""
    tensors = tuple(x if isinstance(x, Tensor) else Tensor(x) for x in inputs)
    return Example(tensors, arguments)


def examples(*shapes: Shape, **arguments: Any) -> tuple[Example, ...]:
    """One example for each shape, all with the same arguments."""
    return tuple(example(shape, **arguments) for shape in shapes)


class Layer(CostRules, MemoryRules, ReadingRules, ServingRules):
    """One layer with its arguments; the module's text says what a type declares."""

    example: ClassVar[Example | None] = None
    """What the reference shows the type with; None where any input will do, without an argument."""
    lettered: ClassVar[tuple[str, ...]] = ()
    """A letter for each axis, of each number of axes whose letters are not the usual ones."""
    fewest_branches: ClassVar[int] = 2
    most_branches: ClassVar[float] = float("inf")
    """How many tensors rules with `*xs` take."""
    examples: ClassVar[tuple[Example, ...]] = ()
    """Of a family, what its types of one, two and three spatial axes are shown with."""

    def __init_subclass__(cls, abstract: bool = False, axes: int = 0, family: bool = False) -> None:
        """Enter the type in `LAYERS`, unless it is `abstract`: a base of types, on so many spatial `axes`.

        A `family` enters its types of one, two and three axes, which differ in what `_SPACES` says alone.
        """
        super().__init_subclass__()
        if axes:
            cls.axes = axes
            cls.example = cls.examples[axes - 1] if cls.examples else cls.example
        if family:
            for number, words in enumerate(_SPACES, start=1):
                name = f"{cls.__name__}{number}d"
                text = (cls.__doc__ or "").format(type=name, **words)
                made = type(name, (cls,), {"__doc__": text, "__module__": cls.__module__}, axes=number)
                setattr(sys.modules[cls.__module__], name, made)  # where it is looked up when it is unpickled
        elif not abstract:
            if cls.__name__.islower() and "function" not in cls.__dict__:
                cls.function = f"{cls.namespace}{cls.__name__}"
            cls._count_inputs()
            LAYERS.enter(cls)

    @classmethod
    def _count_inputs(cls) -> None:
        code = cls.output.__code__
        most = code.co_argcount - 1
        joins = bool(code.co_flags & _VARIADIC)
        cls.branching = cls.branching or joins
        fewest = cls.fewest_branches if joins and not most else most - len(cls.output.__defaults__ or ())
        cls.inputs_range = (fewest, cls.most_branches if joins else most)

    @classmethod
    def summary(cls) -> str:
        """What the type does, in the first sentence of its documentation."""
        return " ".join((cls.__doc__ or "").split()).partition(". ")[0].rstrip(".") + "."

    def remark(self, *inputs: Any) -> str | None:
        """What a reader of the layer's formulas should know besides, in a few words; by default nothing."""
        return None

    def letters(self, x: Tensor, made: bool) -> str | None:
        """A letter for each axis of an input, or of the output if `made`; None for the usual ones."""
        return next((letters for letters in self.lettered if len(letters) == x.rank), None)


LAYERS: Registry[Layer] = Registry()
"""Every layer type by its name in a file, which is its class's name."""


class Elementwise(Layer, abstract=True):
    """A type whose output is like its input, whatever the shape; by default it computes nothing."""

    elementwise = True
    each = NOTHING

    def output(self, x: Tensor) -> Tensor:
        return x


class Rearranging(Layer, abstract=True):
    """A type that moves, copies, repeats or looks up elements, and computes nothing."""

    each = NOTHING

    def element(self, places: tuple[Any, ...], *operands: Any) -> Any:
        return operands[0] if len(operands) == 1 else None
