"""Draws of a layer's arguments and inputs, derived from the fields that its type declares.

`STRATEGIES` says for each type of field what to draw, so a new layer type is drawn by being declared. A
type is in `tests/families` only where its arguments must fit its input in a way that no field states.
Everything is small, mostly right and now and then wrong: most draws shall be accepted, and many be refused.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, TypeAlias, TypeVar

from shapecalc.layers import Layer
from shapecalc.layers import fields as f
from shapecalc.symbolic import number
from shapecalc.tensors import Shape, Tensor
from tests import chance as st
from tests import families
from tests.chance import UnfitError, check_each, told
from tests.dice import is_drawn, one_way
from tests.families.base import DTYPES, LONGEST, NUMBERS, SIZES, Drawn, rarely, shown

Values: TypeAlias = st.SearchStrategy[Any]
T = TypeVar("T")

# What each type of field draws, given the field, the layer type and the inputs. Values that the field
# accepts have their nearest neighbours that it does not among them.


def inferred(field: f.Inferred, layer_type: type[Layer], inputs: tuple[Tensor, ...]) -> Values:
    """The size that the input has, seldom another one."""
    size = field.value(inputs, layer_type.axes)
    return st.sampled_from([*(3 * [size] if size else []), *SIZES])


def size(field: f.Size, _: type[Layer], __: tuple[Tensor, ...]) -> Values:
    return st.sampled_from([s for s in 3 * SIZES if s >= field.minimum] + [field.minimum - 1])


def fixed_size(field: f.FixedSize, _: type[Layer], __: tuple[Tensor, ...]) -> Values:
    return st.sampled_from([*3 * [field.minimum, field.minimum + 1, field.minimum + 2], field.minimum - 1])


def index(_: f.Index, __: type[Layer], ___: tuple[Tensor, ...]) -> Values:
    return st.integers(-9, 9)


def whole(_: f.Whole, __: type[Layer], ___: tuple[Tensor, ...]) -> Values:
    return st.sampled_from([0, -1, -100, 3, 2**40, 0.5])


@st.composite
def per_axis(draw: st.DrawFn, field: f.PerAxis, layer_type: type[Layer], _: tuple[Tensor, ...]) -> Any:
    """One number or a list of them; seldom a number too small, or one number too many."""
    low = field.minimum - rarely(draw, 16)
    kept = [None] if field.optional_items and layer_type.axes > 1 else []
    one = st.sampled_from([*range(low, field.minimum + 4), *kept])
    if draw(st.booleans()):
        return draw(one)
    count = layer_type.axes + rarely(draw, 16)
    return [draw(one) for _ in range(count)]


def padding(field: f.Padding, layer_type: type[Layer], inputs: tuple[Tensor, ...]) -> Values:
    numbers = per_axis(field.numbers, layer_type, inputs)
    return st.one_of(numbers, numbers, st.sampled_from([*2 * sorted(field.words), "nonsense"]))


def flag(_: f.Flag, __: type[Layer], ___: tuple[Tensor, ...]) -> Values:
    return st.booleans()


def choice(field: f.Choice, _: type[Layer], __: tuple[Tensor, ...]) -> Values:
    return st.sampled_from([*2 * field.listed, "nonsense"])


def real(field: f.Real, _: type[Layer], __: tuple[Tensor, ...]) -> Values:
    """Numbers between the bounds, the bounds themselves, and beyond them."""
    low, high = max(field.low, -2.0), min(field.high, 2.0)
    beyond = [low - 0.5] * (field.low > -math.inf) + [high + 0.5] * (field.high < math.inf)
    return st.one_of(
        st.floats(low, high), st.sampled_from([low, high, *beyond, *(-math.inf,) * field.infinite])
    )


def scalar(field: f.Number, __: type[Layer], ___: tuple[Tensor, ...]) -> Values:
    return st.sampled_from([*NUMBERS, *(math.inf, -math.inf) * field.infinite])


def axis(_: f.Axis, __: type[Layer], inputs: tuple[Tensor, ...]) -> Values:
    rank = inputs[0].rank if inputs else 2
    return st.sampled_from([*2 * [*range(-rank, rank)], rank, -rank - 1])


def axes(_: f.Axes, __: type[Layer], inputs: tuple[Tensor, ...]) -> Values:
    one = axis(f.Axis(), Layer, inputs)
    return st.one_of(one, st.lists(one, min_size=1, max_size=3))


def sizes(field: f.Sizes, _: type[Layer], __: tuple[Tensor, ...]) -> Values:
    one = st.sampled_from([*(4 if field.rest == 0 else 1) * SIZES, -1])
    return st.lists(one, min_size=field.fewest, max_size=3)


def size_or_sizes(_: f.SizeOrSizes, __: type[Layer], ___: tuple[Tensor, ...]) -> Values:
    return st.one_of(st.sampled_from([*SIZES, 0]), st.lists(st.sampled_from(SIZES), min_size=1, max_size=3))


def position(_: f.Position, __: type[Layer], inputs: tuple[Tensor, ...]) -> Values:
    """Places on the axes of the input, and just beyond their ends."""
    longest = max((number(size) for x in inputs for size in x.shape), default=1)
    return st.integers(-longest - 1, longest)


def shifts(_: f.Shifts, __: type[Layer], ___: tuple[Tensor, ...]) -> Values:
    one = st.integers(-LONGEST, LONGEST)
    return st.one_of(one, st.lists(one, min_size=1, max_size=3))


@st.composite
def per_side(draw: st.DrawFn, field: f.PerSide, layer_type: type[Layer], _: tuple[Tensor, ...]) -> Any:
    """One number or a list of them; seldom one too small, or one too many."""
    one = st.integers(max(field.minimum, -2) - rarely(draw, 16), 4)
    if draw(st.booleans()):
        return draw(one)
    return [draw(one) for _ in range(2 * layer_type.axes + rarely(draw, 16))]


@st.composite
def per_side_of_some(
    draw: st.DrawFn, field: f.PerSideOfSome, _: type[Layer], inputs: tuple[Tensor, ...]
) -> Any:
    """Pairs for some of the input's last axes; seldom for more axes than it has, an odd number, or none."""
    one = st.integers(max(field.minimum, -2) - rarely(draw, 16), 4)
    pairs = draw(st.integers(1, inputs[0].rank + rarely(draw, 8)))
    return [draw(one) for _ in range(2 * pairs - rarely(draw, 16))]


@st.composite
def trailing(draw: st.DrawFn, _: f.Trailing, __: type[Layer], inputs: tuple[Tensor, ...]) -> Any:
    """The last size of the input, or several of them; seldom one that it has not, or one more."""
    shape: Shape = inputs[0].shape
    sizes: list[Any] = list(shape[draw(st.integers(0, len(shape) - 1)) :])
    if rarely(draw, 6):
        sizes[draw(st.integers(0, len(sizes) - 1))] = draw(st.sampled_from([*SIZES, 0]))
    if rarely(draw, 8):
        sizes = [draw(st.sampled_from(SIZES)), *sizes]
    return sizes[0] if len(sizes) == 1 and draw(st.booleans()) else sizes


def for_each(one: Values, inputs: tuple[Tensor, ...]) -> Values:
    """One value for all spatial axes of the input, or a list of one for each; seldom one too many."""
    axes = max(1, inputs[0].rank - 2) if inputs else 2
    exact = st.lists(one, min_size=axes, max_size=axes)
    return st.one_of(one, one, exact, exact, exact, st.lists(one, min_size=1, max_size=axes + 1))


def size_for_each(_: f.SizeForEach, __: type[Layer], inputs: tuple[Tensor, ...]) -> Values:
    return for_each(st.sampled_from([*3 * SIZES, 0]), inputs)


def scale(_: f.Scale, __: type[Layer], inputs: tuple[Tensor, ...]) -> Values:
    """Factors whose products with sizes are near whole numbers, and others."""
    near = st.sampled_from([*2 * (2, 1, 0.5, 2.0, 1.5, 0.29, 0.57, 1.15, 2.3, 0.7), 0])
    return for_each(st.one_of(near, near, st.floats(0.1, 3.0)), inputs)


@st.composite
def ratios(draw: st.DrawFn, _: f.Ratios, layer_type: type[Layer], __: tuple[Tensor, ...]) -> Any:
    """Numbers whose products with sizes are near whole numbers, and others; seldom a bound."""
    bounds = [0, 1, 0.0, 1.0] if rarely(draw, 8) else []
    one = st.one_of(st.sampled_from([0.5, 0.29, 0.57, 0.7, 1 / 3, *bounds]), st.floats(0.05, 0.95))
    if draw(st.booleans()):
        return draw(one)
    return [draw(one) for _ in range(layer_type.axes + rarely(draw, 16))]


def text(_: f.Text, __: type[Layer], ___: tuple[Tensor, ...]) -> Values:
    return st.sampled_from(["nonsense"])


STRATEGIES: Mapping[type[f.Field[Any]], Callable[[Any, type[Layer], tuple[Tensor, ...]], Values]] = {
    f.Inferred: inferred,
    f.Size: size,
    f.FixedSize: fixed_size,
    f.Index: index,
    f.Whole: whole,
    f.PerAxis: per_axis,
    f.Padding: padding,
    f.Flag: flag,
    f.Choice: choice,
    f.Real: real,
    f.Number: scalar,
    f.Axis: axis,
    f.Axes: axes,
    f.Sizes: sizes,
    f.SizeOrSizes: size_or_sizes,
    f.Position: position,
    f.Shifts: shifts,
    f.Trailing: trailing,
    f.PerSide: per_side,
    f.PerSideOfSome: per_side_of_some,
    f.SizeForEach: size_for_each,
    f.Scale: scale,
    f.Ratios: ratios,
    f.Text: text,
}
"""Type of field → what to draw for it; a type that is missing is drawn as the one it derives from."""


def values(field: f.Field[Any], layer_type: type[Layer], inputs: tuple[Tensor, ...]) -> Values:
    """What to draw for a field; null too, where it accepts null."""
    known = next((kind for kind in type(field).__mro__ if kind in STRATEGIES), None)
    if known is None:
        raise TypeError(f"tests.strategies.STRATEGIES lacks the field type {type(field).__name__}")
    strategy = STRATEGIES[known](field, layer_type, inputs)
    return st.one_of(strategy, strategy, st.none()) if field.optional else strategy


@st.composite
def arguments(draw: st.DrawFn, layer_type: type[Layer], inputs: tuple[Tensor, ...]) -> dict[str, Any]:
    """Arguments as a file writes them; one that may be left out often is, an inferred size mostly."""
    given = {}
    for name, field in layer_type.fields.items():
        written = rarely(draw, 8) if isinstance(field, f.Inferred) else draw(st.booleans())
        if field.required or written:
            given[name] = draw(values(field, layer_type, inputs))
    return given


# Inputs.


@st.composite
def tensors(draw: st.DrawFn, axes: int) -> Tensor:
    """With `axes` spatial axes, a batch or without; seldom another rank, or another dtype."""
    usual = (axes + 2, axes + 2, axes + 1) if axes else (2, 4, 3, 1)
    rank = draw(st.integers(1, 6) if rarely(draw, 12) else st.sampled_from(usual))
    space = min(axes, rank)
    lead = [draw(st.sampled_from(SIZES)) for _ in range(rank - space)]
    shape = (*lead, *[draw(st.integers(1, LONGEST)) for _ in range(space)])
    return Tensor(shape, draw(st.sampled_from(DTYPES)) if rarely(draw, 4) else "float32")


@st.composite
def relatives(draw: st.DrawFn, tensor: Tensor, place: int) -> Tensor:
    """The tensor again, or with axis `place` of another size, or without its first axes."""
    shape: Shape = tensor.shape
    match draw(st.sampled_from(["same", "same", "one", "other", "shorter"])):
        case "one":
            shape = (*shape[:place], 1, *shape[place + 1 :])
        case "other":
            shape = (*shape[:place], draw(st.sampled_from(SIZES)), *shape[place + 1 :])
        case "shorter":
            shape = shape[draw(st.integers(0, len(shape) - 1)) :]
    return Tensor(shape, draw(st.sampled_from(DTYPES)) if rarely(draw, 3) else tensor.dtype)


@st.composite
def inputs(draw: st.DrawFn, layer_type: type[Layer]) -> tuple[Tensor, ...]:
    """As many inputs as the type takes, for a join up to four; seldom one fewer, or one more."""
    fewest, most = layer_type.inputs_range
    first = draw(tensors(layer_type.axes))
    count = draw(st.integers(fewest, int(min(most, 4))))
    if rarely(draw, 16):
        count = max(fewest - 1, 0) or int(min(most, 4)) + 1
    if count == 0:
        return ()
    place = min(1, first.rank - 1) if draw(st.booleans()) else draw(st.integers(0, first.rank - 1))
    return (first, *[draw(relatives(first, place)) for _ in range(count - 1)])


@st.composite
def draws(draw: st.DrawFn, layer_type: type[Layer]) -> Drawn:
    """A layer of this type with its inputs, right or wrong."""
    name = layer_type.__name__
    own_inputs, own_arguments = families.INPUTS.get(name), families.ARGUMENTS.get(name)
    given = draw(own_inputs() if own_inputs else inputs(layer_type))
    chosen = draw(own_arguments(given) if own_arguments else arguments(layer_type, given))
    fitted = families.FITTED.get(name)
    return Drawn(layer_type, {**chosen, **draw(fitted(given))} if fitted else chosen, given)


FEW = 6


def by_hand(layer_type: type[Layer]) -> list[Drawn]:
    """The cases of a type that are not drawn: its example, and those of `RARE` in `tests/families`.

    Where these are many, some six of them at each push: `tests/test_layers.py` tries all.
    """
    rare = [case for case in families.RARE if case.layer_type is layer_type]
    return [shown(layer_type), *[case for case in rare if is_drawn(repr(case), -(-len(rare) // FEW))]]


def each_layer(
    layer_type: type[Layer], ways: Sequence[T], count: int, check: Callable[[Drawn, Sequence[T]], None]
) -> None:
    """Check a type's example in all ways, and other cases in one way each: those by hand, and so many drawn.

    Of those by hand, which way each is tried in is drawn too; at length it is all.
    """
    first, *others = by_hand(layer_type)
    for case, chosen in [(first, ways), *((case, one_way(case, ways)) for case in others)]:
        with told(case), suppress(UnfitError):
            check(case, chosen)
    drawn = st.tuples(draws(layer_type), st.sampled_from(ways))
    check_each(drawn, count, lambda drawn: check(drawn[0], [drawn[1]]))
