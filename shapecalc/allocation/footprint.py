"""The footprint of a layer: the bytes of its storages, its kernels, and the most bytes alive within it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from typing import NamedTuple

from shapecalc.allocation.autocast import LOWER
from shapecalc.allocation.gradients import NewGradient, Way
from shapecalc.allocation.mode import Mode
from shapecalc.allocation.peak import unexceeded
from shapecalc.allocation.recording import Kernel, Refusal
from shapecalc.allocation.strides import Strides
from shapecalc.allocation.trace import Trace
from shapecalc.allocation.values import Freed, Handed, Look, Made, Parameter, Value
from shapecalc.errors import UnknownError
from shapecalc.symbolic import Dim
from shapecalc.symbolic.conditions import Condition
from shapecalc.tensors import BYTES, Tensor, is_floating


class Input(NamedTuple):
    """An input of a layer: what it is, how it lies, and whether a gradient flows back to it."""

    tensor: Tensor
    strides: Strides | None = None
    tracked: bool = False
    same_as: int = -1
    """The number of an earlier input that is the same value."""
    learned: bool = False
    """Whether it is a weight, as another layer hands it on."""
    base: int = -1
    """The number, among the inputs, of the tensor that it is a view of; −1 of one that is no view."""
    of_many: bool = False
    """Whether it is one of several views that one call gives, or a view of such a one."""
    whole: Dim | None = None
    """The elements of its storage, if it is a view of a part of that."""
    offset: Dim = 0
    """The elements of its storage that lie before its first one."""
    behind: bool = False
    """Whether it is no input itself, but the tensor that one is a view of."""
    copy_of: str = ""
    """If it is no input itself, but the copy of a weight in a lower dtype: the name of the weight."""


class Flow(NamedTuple):
    """A tensor on its way, with the numbers of its value and its storage: in a footprint, or in a network."""

    given: Input
    """As an input of the next layer."""
    value: int
    storage: int
    base: Flow | None = None
    """What it is a view of."""

    @property
    def look(self) -> Look:
        return Look(self.given.tensor.shape, self.given.tensor.dtype, self.given.strides, self.given.tracked)


class Footprint(NamedTuple):
    """What one layer allocates and keeps, in bytes, and what autograd goes back through.

    Storages have the numbers of the inputs, and from there on those of `sizes`.
    """

    rises: tuple[Dim, ...]
    """The most bytes alive at once beyond those before; of formulas those that may be the most."""
    sizes: tuple[Dim, ...]
    """The bytes of each storage that is there when the layer is done: of its outputs, and what is kept."""
    kernels: tuple[Kernel, ...]
    values: tuple[Dim, ...]
    """The bytes of each value's gradient."""
    parameters: Mapping[str, int]
    """The values that are weights, by name."""
    lowered: Mapping[str, Flow]
    """The copies that it makes of weights in a lower dtype, which stay until autocast is left, by name."""
    outputs: tuple[Flow, ...]
    complete: bool = True
    """Whether all that is allocated on the way forward is."""
    written: tuple[int, ...] = ()
    """The storages of inputs that are written over."""
    conditions: tuple[Condition, ...] = ()
    """What symbols must satisfy for all of this."""
    refusal: Refusal | None = None
    """Why torch can't train the layer, if it can't."""


def record(
    run: Callable[..., tuple[Value, ...]],
    inputs: Sequence[Input],
    mode: Mode,
    frozen: Set[str] = frozenset(),
) -> Footprint:
    """Run a layer on a trace of its own; `frozen` are the names of the weights that are not trained."""
    trace = Trace(mode, frozen)
    values = _values(trace, inputs)  # held, so that none is freed before the layer is done
    read = [value for x, value in zip(inputs, values, strict=True) if not (x.behind or x.copy_of)]
    outputs = run(trace, *read)
    kernels = [event for event in trace.events if isinstance(event, Kernel)]
    given = set(range(len(inputs)))
    weights = trace.parameters_by_name
    lowered = {n: w.lowered for n, w in weights.items() if w.lowered and n not in trace.lowered}
    kept = [kernel.kept for kernel in kernels]
    stays = {y.storage.number for y in (*outputs, *lowered.values())}.union(*kept) - given
    numbers = {number: new for new, number in enumerate([*sorted(given), *sorted(stays)])}
    return Footprint(
        rises=_rises(trace, stays),
        sizes=tuple([trace.sizes[number] for number in sorted(stays)]),
        kernels=tuple([_renumbered(kernel, numbers) for kernel in kernels]),
        values=tuple(trace.values),
        parameters={name: value.number for name, value in weights.items()},
        lowered={name: _output(y, numbers) for name, y in lowered.items()},
        outputs=tuple([_output(y, numbers) for y in outputs]),
        complete=trace.complete,
        written=tuple([numbers[storage] for storage in trace.written if storage in given]),
        refusal=trace.refusal,
    )


def _values(trace: Trace, inputs: Sequence[Input]) -> list[Value]:
    """The inputs on a trace, what they are views of, and the copies of weights that come with them."""
    values = [_given(x, trace) for x in inputs]
    values = [values[x.same_as] if x.same_as >= 0 else y for x, y in zip(inputs, values, strict=True)]
    for x, value in zip(inputs, values, strict=True):
        value.base = values[x.base] if x.base >= 0 else None
    trace.events.clear()  # of an input that is the same as another, the storage is gone
    trace.lowered = {x.copy_of: value for x, value in zip(inputs, values, strict=True) if x.copy_of}
    return values


def _renumbered(kernel: Kernel, numbers: Mapping[int, int]) -> Kernel:
    kept, attributes = ([numbers[n] for n in storages] for storages in (kernel.kept, kernel.attributes))
    return kernel._replace(kept=tuple(kept), attributes=tuple(attributes))


def way_back(kernel: Kernel, arriving: tuple[Look | None, ...], mode: Mode) -> Way:
    """What going back through a kernel comes to, given how the gradients of its outputs lie.

    `mode` is one in which autograd does not watch: gradients of gradients are not made.
    What is in another shape than its tensor is summed to it, and then converted: torch's validate_outputs.
    """
    trace = Trace(mode)
    given = [look and _arriving(look, trace) for look in arriving]
    made = [x for x in kernel.back(trace, *given) if x is not None] if any(given) else []
    if not made:  # there is none to hand on
        return Way(_rises(trace, set()), (), (None,) * len(kernel.looks))
    done = len(trace.events)
    for i, look in enumerate(kernel.looks):
        made[i] = trace.summed_to(made[i], look.shape)
        made[i] = trace.converted(made[i], look.dtype)
    arrived = [x for x in given if x is not None]
    first = len(arrived)
    stays = sorted({x.storage.number for x in made} - set(range(first)))
    numbers = {number: new for new, number in enumerate([*range(first), *stays])}
    return Way(
        rises=_rises(trace, set(stays), stop=done),
        late=_rises(trace, set(stays), done),
        sizes=tuple([trace.sizes[number] for number in stays]),
        gradients=tuple([NewGradient(numbers[x.storage.number], x.look, _index(arrived, x)) for x in made]),
    )


def _arriving(look: Look, trace: Trace) -> Value:
    value = Value(look.tensor, trace.storage(look.tensor), look.strides)
    value.whole = look.whole
    return value


def _index(values: Sequence[Value], x: Value) -> int:
    """The place of a value itself, −1 where it is none of them."""
    return next((i for i, value in enumerate(values) if value is x), -1)


def _given(x: Input, trace: Trace) -> Value:
    dtype = x.tensor.dtype
    if trace.autocast and is_floating(dtype) and BYTES[dtype] == 2 and dtype != LOWER:
        raise UnknownError(f"{dtype} under autocast in {LOWER} is not followed")
    kind = Handed if x.learned else Value
    value = kind(x.tensor, trace.storage(x.tensor), x.strides, x.tracked)
    value.of_many, value.whole, value.offset = x.of_many, x.whole, x.offset
    return value


def _output(y: Value, numbers: Mapping[int, int]) -> Flow:
    learned = isinstance(y, (Parameter, Handed))
    given = Input(
        y.tensor,
        y.strides,
        y.tracked,
        learned=learned,
        of_many=y.of_many,
        whole=y.whole,
        offset=y.offset,
    )
    base = None if y.base is None else _output(y.base, numbers)
    return Flow(given, y.number, numbers[y.storage.number], base)


def _rises(trace: Trace, stays: set[int], start: int = 0, stop: int | None = None) -> tuple[Dim, ...]:
    """The levels of a trace that none of the others is certain to exceed; what stays is not let go.

    `start`, `stop`: the events between which levels count, unless all do.
    """
    levels: list[Dim] = []
    alive: Dim = 0
    for place, event in enumerate(trace.events[:stop]):
        if isinstance(event, Made):
            alive = alive + trace.sizes[event.storage]
            if place >= start:
                levels.append(alive)
        elif isinstance(event, Freed) and event.storage not in stays:
            alive = alive - trace.sizes[event.storage]
    return unexceeded(levels)
