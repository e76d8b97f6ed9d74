"""What a layer type declares, and what follows from its declaration.

A subclass of `Layer` states its arguments as fields and its rules as arithmetic on shapes:

    class Linear(Layer):
        in_features = Inferred(axis=-1)
        out_features = Size()
        bias = Flag(True)

        def output(self, x): ...            # the tensor or tensors out
        def weights(self, x): ...           # name → Weight of what it owns
        def macs(self, x, y): ...           # multiply-accumulates
        def reads(self, x, y, port): ...     # what an output element reads of the input, axis by axis

        def ops(self, x, y): ...            # operations beside these

Everything else is derived: the check of a file's arguments, inferred sizes, counts, the torch module
(`torch.nn` has a class of the same name and arguments), and the property tests. A rule takes one
parameter for each input; parameters with a default are inputs that may be left out, `*xs` makes the
type a join of branches, of two at least unless parameters before it say otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple, TypeAlias

from shapecalc.allocation.footprint import Footprint, Given, record
from shapecalc.allocation.gradients import Back
from shapecalc.allocation.strides import Strides, dense
from shapecalc.allocation.trace import Mode, Trace, Value
from shapecalc.errors import ArchitectureError, UnknownError, nearest, quoted
from shapecalc.layers.fields import Field, Inferred
from shapecalc.layers.reads import Sights, alike, measured, slid
from shapecalc.layers.registry import Registry
from shapecalc.operations import NOTHING, Operations, Unknown
from shapecalc.symbolic import Dim
from shapecalc.symbolic.conditions import Condition, collecting
from shapecalc.tensors import Shape, Tensor, Window, check_equal, check_size, is_floating, product

LAYERS = Registry()
"""Every layer type by its name in a file, which is its class's name."""

_MOST_KNOWN = 20_000
_VARIADIC = 0x04  # CO_VARARGS: the rule has *xs


class Weight(NamedTuple):
    """A tensor that a layer owns: a parameter, or a buffer, which no optimizer trains."""

    shape: Shape
    dtype: str = "float32"
    buffer: bool = False

    @property
    def elements(self) -> Dim:
        return product(self.shape)

    @property
    def kind(self) -> str:
        return "buffer" if self.buffer else "parameter"


Weights: TypeAlias = Mapping[str, Weight]

OUTPUT = Tensor((), "output")
"""What a kernel makes, among what autograd keeps."""

Saved: TypeAlias = Sequence["Value | Tensor"]
"""What autograd keeps: inputs, `OUTPUT`, and tensors that a kernel makes besides."""


def owned(trace: Trace, weights: Weights, *names: str) -> list[Value]:
    """The parameters among weights, or those named, as values on a trace."""
    chosen = {name: weights[name] for name in names} if names else weights
    return list(
        trace.parameters({name: weight.shape for name, weight in chosen.items() if not weight.buffer})
    )


class Example(NamedTuple):
    """A layer as a reference shows it: the tensors that come to it, and its arguments."""

    inputs: tuple[Tensor, ...]
    arguments: Mapping[str, Any]


def example(*inputs: Shape | Tensor, **arguments: Any) -> Example:
    """An example; a shape alone stands for a tensor of float32."""
    tensors = tuple(x if isinstance(x, Tensor) else Tensor(x) for x in inputs)
    return Example(tensors, arguments)


class Figures(NamedTuple):
    """All that a layer makes of given inputs: tensors out, what it owns, multiply-accumulates."""

    outputs: tuple[Tensor, ...]
    weights: Weights
    macs: Dim
    conditions: tuple[Condition, ...] = ()
    """What the sizes must satisfy where they are formulas."""


class Part(NamedTuple):
    """A layer within a layer, with its inputs, and how many there are of it."""

    layer: Layer
    inputs: tuple[Tensor, ...]
    times: int = 1


class Costs(NamedTuple):
    """What a layer's work on given inputs comes to."""

    ops: Operations | Unknown
    macs_without_padding: Dim | Unknown


class Layer:
    """One layer with its arguments; see the module's text for what a type declares."""

    axes: ClassVar[int] = 0
    """Spatial axes of the type: 2 for Conv2d."""
    function: ClassVar[str | None] = None
    """For a type that is no module, the name of its function below `torch`: `add`, `Tensor.expand`."""
    folds: ClassVar[bool] = False
    """Whether the function takes two inputs, and further ones after the result of these."""
    wraps: ClassVar[tuple[str, str] | None] = None
    """The argument of torch's that is a module made of this layer's arguments, and that module's type."""
    called_with: ClassVar[frozenset[str]] = frozenset()
    """The arguments that torch's module takes when it is called, not when it is made: `feed` passes them."""
    elementwise: ClassVar[bool] = False
    """Whether an output element is a function of those of the inputs at its own place."""
    branching: ClassVar[bool] = False
    """Whether the inputs are written as branches; a type whose rules take any number always does."""
    aligned: ClassVar[bool] = False
    """Whether the output's elements lie in memory as those of the first input do, after a permute too."""
    retraced: ClassVar[bool] = True
    """Whether the gradients are all that the way back through it allocates."""
    reads_values: ClassVar[bool] = False
    """Whether torch looks at the values of its inputs, which those on `meta` do not have, or refuses some."""
    undecided: ClassVar[str] = "is not known"
    """Why it can't be said what it allocates, of a type for which nothing says so."""
    each: ClassVar[Operations | None] = None
    """The operations for each element of the output, of a type that has as many for all of them."""
    operation: ClassVar[str] = ""
    """The name of torch's operation that a module comes to, for the lists of autocast; not of a function."""
    example: ClassVar[Example | None] = None
    """What the reference shows the type with; None where any input will do, without an argument."""
    fields: ClassVar[Mapping[str, Field[Any]]] = {}
    inputs_range: ClassVar[tuple[int, float]] = (1, 1)
    """The fewest and the most inputs that the rules take."""

    def __init_subclass__(cls, abstract: bool = False) -> None:
        """Collect the fields in their order of declaration and enter the type in `LAYERS`."""
        own = {name: field for name, field in vars(cls).items() if isinstance(field, Field)}
        inherited = {name: field for name, field in cls.fields.items() if name not in own}
        cls.fields = {**inherited, **own}  # one that is declared again takes its new place
        if not abstract:
            code = cls.output.__code__
            most = code.co_argcount - 1
            joins = bool(code.co_flags & _VARIADIC)
            cls.branching = cls.branching or joins
            fewest = 2 if joins and not most else most - len(cls.output.__defaults__ or ())
            cls.inputs_range = (fewest, float("inf") if joins else most)
            if LAYERS.taken(cls.__name__):
                raise TypeError(f"two layer types are called {cls.__name__}")
            LAYERS[cls.__name__] = cls

    def __init__(self, **arguments: object) -> None:
        """Check and keep the arguments.

        Raises:
            ArchitectureError: one is unknown, missing or not what its field accepts.
        """
        for name in arguments.keys() - self.fields.keys():
            raise self.unknown_argument(name)
        self.given: tuple[str, ...] = tuple(arguments)
        self._known: dict[tuple[Tensor, ...], Figures] = {}
        self._footprints: dict[tuple[tuple[Given, ...], Mode, Set[str]], Footprint] = {}

        self._seen: dict[tuple[tuple[Tensor, ...], int], tuple[Sights | None, ...] | None] = {}

        self._costs: dict[tuple[Tensor, ...], Costs] = {}
        with collecting() as self._conditions:
            for name, field in self.fields.items():
                value = arguments.get(name, field.default)
                if field.required and name not in arguments:
                    raise ArchitectureError(
                        f"{name} is missing: {field.describe(self.axes)}", hint=self.synopsis()
                    )
                self.__dict__[name] = field.parse(value, self.axes)
            self.check()

    @classmethod
    def unknown_argument(cls, name: str) -> ArchitectureError:
        hint = nearest(name, cls.fields) or cls.synopsis()
        return ArchitectureError(f"there is no argument {quoted(name)}", hint=hint, argument=name)

    @classmethod
    def synopsis(cls) -> str:
        """The arguments of the type in one line, those that must be written first."""
        ordered = sorted(cls.fields.items(), key=lambda item: not item[1].required)
        listed = (name if field.required else f"{name}?" for name, field in ordered)
        names = [*(["branches"] if cls.branching else []), *listed]
        return f"{cls.__name__} takes {', '.join(names)}" if names else "it takes no arguments"

    @classmethod
    def required(cls) -> list[str]:
        """The arguments that must be written."""
        return [name for name, field in cls.fields.items() if field.required]

    @classmethod
    def summary(cls) -> str:
        """What the type does, in the first sentence of its documentation."""
        return " ".join((cls.__doc__ or "").split()).partition(". ")[0].rstrip(".") + "."

    @classmethod
    def main_argument(cls) -> str | None:
        """The argument that a single value goes to: the first that can't be inferred.

        None where it has a default and an inferred one comes before it: in torch, the 64 of
        `BatchNorm2d(64)` is num_features, and must not become eps in silence.
        """
        inferred = False
        for name, field in cls.fields.items():
            if not isinstance(field, Inferred):
                return None if inferred and not field.required else name
            inferred = True
        return None

    @classmethod
    def listed_arguments(cls) -> tuple[str, ...]:
        """The arguments that a list gives in their order: of a type that needs several, each one value."""
        plain = all(field.required and not field.several for field in cls.fields.values())
        return tuple(cls.fields) if plain and len(cls.fields) > 1 else ()

    @property
    def window(self) -> tuple[Window, ...]:
        """The window that slides along each of the last axes, of a type that has one."""
        return ()

    @property
    def type(self) -> str:
        return type(self).__name__

    @property
    def writes_over(self) -> bool:
        """Whether it may write over its input."""
        return bool(self.__dict__.get("inplace"))

    def check(self) -> None:
        """Refuse arguments that contradict each other; types with such arguments override it."""

    # The rules. Each takes one tensor for each input, so a subclass writes `output(self, x)`, or
    # `output(self, x, h=None)` where an input may be left out, or `output(self, *xs)`.

    def output(self, *inputs: Any, **_: Any) -> Tensor | tuple[Tensor, ...]:
        """The tensor or tensors out."""
        raise NotImplementedError

    def weights(self, *inputs: Any, **_: Any) -> Weights:
        """Name → weight of what the layer owns, named as in torch's `state_dict`; by default nothing."""
        return {}

    def macs(self, *inputs: Any, **_: Any) -> Dim:
        """Multiply-accumulates, given the inputs and `y`, the first output; by default none.

        Exactly the products that torch's FlopCounterMode counts, where it is not blind: 2 · MACs its FLOPs.
        """
        return 0

    # What it allocates: `saved` of a layer that is one kernel, `run` of one that is several or a view.

    def saved(self, *inputs: Any) -> Saved | None:
        """What autograd keeps for the backward pass: inputs, `OUTPUT`, and tensors made besides.

        Weights are left out. By default None: not known.
        """
        return None

    def operation_on(self, *inputs: Any) -> str:
        """The name of torch's operation that the layer comes to; by default one whatever the inputs are."""
        return self.operation or (self.function or "").rpartition(".")[2]

    def run(self, trace: Trace, *inputs: Any) -> tuple[Value, ...]:
        """The kernels that torch runs, in its order; by default one that makes the only output.

        Raises:
            UnknownError: what autograd keeps is not known.
        """
        figures = self.figures(tuple([trace.declared(x) for x in inputs]))
        (made, *others) = figures.outputs
        operation, count = self.operation_on(*inputs), len(inputs)
        cast = trace.cast(operation, *inputs, *owned(trace, figures.weights))
        inputs, weights = tuple(cast[:count]), cast[count:]
        keeps = self.saved(*inputs)
        if keeps is None or others:
            return self.at_least(trace, made, *others)
        y = trace.kernel(
            trace.made_by(operation, made, *inputs),
            *inputs,
            keeps=[*[x for x in keeps if x is not OUTPUT], *trace.copies(weights[:1])],
            keeps_output=OUTPUT in keeps,
            weights=weights,
            back=self.back(*inputs, *weights),
            laid=self.strides_of(made, inputs[0]) if inputs else None,
        )
        return (y,)

    def at_least(self, trace: Trace, *made: Tensor) -> tuple[Value, ...]:
        """The outputs of a type of which no more is known: in prediction they are there.

        Raises:
            UnknownError: autograd watches.
        """
        if trace.grad:
            raise UnknownError(f"{self.type}: what it keeps for the backward pass {self.undecided}")
        trace.complete = False
        return tuple([trace.new(y) for y in made])

    def strides_of(self, made: Tensor, x: Value) -> Strides | None:
        """Those of the output; None if it lies in a row."""
        return dense(made.shape, x.strides) if self.aligned and x.strides and made.rank == x.rank else None

    def back(self, *inputs: Any) -> Back | None:
        """How the gradients of inputs and weights are made; by default each in a storage of its own."""
        return None

    def footprint(self, inputs: tuple[Given, ...], mode: Mode, frozen: Set[str] = frozenset()) -> Footprint:
        """What `run` writes down on a trace; equal inputs get the same footprint, which is kept.

        `frozen` are the names of the weights that are not trained.

        Raises:
            UnknownError: what it allocates is not known.
        """
        key = (inputs, mode, frozen)
        known = self._footprints.get(key)
        if known is None:
            if len(self._footprints) >= _MOST_KNOWN:
                self._footprints.clear()
            with collecting() as conditions:
                known = record(self.run, inputs, mode, frozen)
            known = known._replace(retraced=known.retraced and self.retraced, conditions=tuple(conditions))
            self._footprints[key] = known
        return known

    def reads(self, *inputs: Any, **_: Any) -> tuple[Sights | None, ...] | None:
        """What an element of output number `port`, which is `y`, reads of each input, axis by axis.

        In the place of an input of which nothing but the shape is looked at stands None.
        By default what the window reads, or of elementwise types the element at the same place; None of
        others, of which nothing is known.
        """
        if self.elementwise:
            return alike(*inputs)
        return tuple(slid(x, self.window) for x in inputs) if self.window else None

    def ops(self, *inputs: Any, **output: Any) -> Operations | None:
        """The operations beside the multiply-accumulates, given the inputs and `y`, the first output.

        By the rules of `shapecalc.operations`; by default `each`, and where there is none, not known.
        """
        if parts := self.parts(*inputs):
            return _of_all(parts)
        y: Tensor = output["y"]
        return None if self.each is None else self.each * y.elements

    def parts(self, *inputs: Any) -> tuple[Part, ...]:
        """The layers that torch's module is made of, where these are modules of torch themselves."""
        return ()

    def macs_without_padding(self, *inputs: Any, **output: Any) -> Dim:
        """The multiply-accumulates without those of zeros in the padding; by default, all of them."""
        return self.macs(*inputs, **output)

    def feed(self, *inputs: Any) -> tuple[Any, ...]:
        """The arguments of torch's `forward`, made of the inputs: a recurrent layer's states are a pair.

        Of a function they are those without a name.
        """
        return inputs

    def keywords(self) -> dict[str, Any]:
        """The arguments with a name of torch's function; by default all, torch's defaults may be others."""
        return {name: self.__dict__[name] for name in self.fields}

    def remark(self, *inputs: Any) -> str | None:
        """What a reader of the layer's formulas should know besides, in a few words; by default nothing."""
        return None

    def letters(self, x: Tensor, made: bool) -> str | None:
        """A letter for each axis of an input, or of the output if `made`; None for the usual ones."""
        return None

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
        if given is None:
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

    def arguments(self, inputs: tuple[Tensor, ...]) -> dict[str, Any]:
        """torch's arguments, in its order: the inferred sizes and what the file gave."""
        with collecting():  # what has to hold was recorded with the figures
            inferred = self.inferred(inputs)
        known = {**{name: self.__dict__[name] for name in self.given}, **inferred}
        return {name: known[name] for name in self.fields if name in known}

    def figures(self, inputs: tuple[Tensor, ...]) -> Figures:
        """Apply the rules to `inputs`; equal inputs get the same result, which is kept.

        Raises:
            ArchitectureError: the layer can't take these inputs.
        """
        known = self._known.get(inputs)
        if known is None:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            known = self._known[inputs] = self._apply(inputs)
        return known

    def costs(self, inputs: tuple[Tensor, ...]) -> Costs:
        """What `figures` leaves for when it is asked for; kept as well."""
        known = self._costs.get(inputs)
        if known is None:
            if len(self._costs) >= _MOST_KNOWN:
                self._costs.clear()
            known = self._costs[inputs] = self._costs_of(inputs)
        return known

    def _costs_of(self, inputs: tuple[Tensor, ...]) -> Costs:
        y = self.figures(inputs).outputs[0]
        with collecting():  # what has to hold was recorded with the figures
            try:
                ops: Operations | Unknown | None = self.ops(*inputs, y=y)
            except ArchitectureError as error:
                ops = Unknown(error.message)
            try:
                macs_without_padding: Dim | Unknown = self.macs_without_padding(*inputs, y=y)
            except ArchitectureError as error:
                macs_without_padding = Unknown(error.message)
        return Costs(
            ops or Unknown(f"no count of the operations of {self.type} is declared"), macs_without_padding
        )

    def _apply(self, inputs: tuple[Tensor, ...]) -> Figures:
        fewest, most = self.inputs_range
        if not fewest <= len(inputs) <= most:
            raise ArchitectureError(f"{_range_text(fewest, most)} needed, not {len(inputs)}")
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

    def seen(self, inputs: tuple[Tensor, ...], port: int = 0) -> tuple[Sights | None, ...] | None:
        """`reads`, with what all elements together read of each axis; kept as `figures` are."""
        key = inputs, port
        if key not in self._seen:
            if len(self._seen) >= _MOST_KNOWN:
                self._seen.clear()
            y = self.figures(inputs).outputs[port]
            with collecting():  # what has to hold was recorded with the figures
                found = self.reads(*inputs, y=y, port=port)
            if found is not None:
                pairs = zip(found, inputs, strict=True)
                found = tuple(sights and measured(sights, x, y) for sights, x in pairs)
            self._seen[key] = found
        return self._seen[key]

    def __repr__(self) -> str:
        listed = ", ".join(f"{name}={self.__dict__[name]!r}" for name in self.given)
        return f"{self.type}({listed})"


def _of_all(parts: tuple[Part, ...]) -> Operations | None:
    total = NOTHING
    for part in parts:
        ops = part.layer.costs(part.inputs).ops
        if isinstance(ops, Unknown):
            return None
        total += ops * part.times
    return total


def _range_text(fewest: int, most: float) -> str:
    if fewest == most:
        return "one input is" if most == 1 else f"{most} inputs are"
    if most == float("inf"):
        return "at least one input is" if fewest == 1 else f"at least {fewest} inputs are"
    return f"{fewest} to {most} inputs are"


class Elementwise(Layer, abstract=True):
    """A type whose output is like its input, whatever the shape."""

    elementwise = True

    def output(self, x: Tensor) -> Tensor:
        return x


class Rearranging(Layer, abstract=True):
    """A type that moves, copies, repeats or looks up elements, and computes nothing."""

    each = NOTHING


def check_rank(x: Tensor, *ranks: int, hint: str | None = None) -> None:
    """Refuse an input whose number of axes is none of `ranks`."""
    if x.rank not in ranks:
        wanted = " or ".join(map(str, ranks))
        raise ArchitectureError(f"an input of {wanted} axes is needed, not {x.rank} ({x})", hint=hint)


def check_least_rank(x: Tensor, least: int) -> None:
    """Refuse an input of fewer than `least` axes."""
    if x.rank < least:
        raise ArchitectureError(f"an input of at least {least} axes is needed, not {x.rank} ({x})")


def check_floating(x: Tensor, dtype: str | None = None) -> None:
    """Refuse an input that is not floating-point or, with `dtype`, not of exactly that dtype."""
    if dtype is not None and x.dtype != dtype:
        raise ArchitectureError(f"an input of {dtype} is needed, to match the weights, not {x.dtype}")
    if not is_floating(x.dtype):
        raise ArchitectureError(f"a floating-point input is needed, not {x.dtype}")


def check_numbers(*xs: Tensor) -> None:
    """Refuse bool, which torch neither compares nor subtracts, and puts into no matrix product."""
    if any(x.dtype == "bool" for x in xs):
        raise ArchitectureError("numbers are needed, not bool")


def check_axis(axis: int, x: Tensor, name: str, *, scalars: bool = False) -> int:
    """The axis counted from the first one; refuses one that the input lacks.

    With `scalars`, a tensor without axes has one all the same, as in torch's reductions.
    """
    rank = max(x.rank, 1) if scalars else x.rank
    if not -rank <= axis < rank:
        has = f"has axes 0 to {x.rank - 1}" if x.rank else "has no axes"
        raise ArchitectureError(f"{name} is {axis}, but the input {x} {has}", argument=name)
    return axis % rank


def check_axes(axes: Iterable[int], x: Tensor, name: str) -> tuple[int, ...]:
    """The axes counted from the first one; refuses one that the input lacks, and one that is named twice.

    Of a scalar they may be 0 or −1, as in most of torch's functions.
    """
    found: list[int] = []
    for written in axes:
        axis = check_axis(written, x, name, scalars=True)
        if axis in found:
            raise ArchitectureError(f"{name} has axis {axis} of {x} twice", argument=name)
        found.append(axis)
    return tuple(found)


def check_new_axis(axis: int, x: Tensor) -> int:
    """The place of an axis `dim` that is put between those of the input, counted from the first one."""
    if not -x.rank - 1 <= axis <= x.rank:
        raise ArchitectureError(
            f"dim is {axis}, but with the new one there are axes 0 to {x.rank} (the input is {x})",
            argument="dim",
        )
    return axis % (x.rank + 1)
