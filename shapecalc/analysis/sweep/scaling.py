"""A network that grows by compound scaling: depth, width and image together, beside what the rule promises.

Tan & Le 2019, arXiv:1905.11946: depth α^φ, width β^φ and resolution γ^φ, of which α·β²·γ² is about 2, so that
the operations are about 2^φ times as many.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, NamedTuple

from shapecalc.analysis.sweep.figures import FIGURES, Figures, Terms
from shapecalc.analysis.sweep.points import Point
from shapecalc.engine.inputs import Given, inputs_of
from shapecalc.engine.run import analyse
from shapecalc.errors import ShapecalcError, UsageError, listed, quoted, written
from shapecalc.language.architecture import Architecture
from shapecalc.symbolic import Expr
from shapecalc.symbolic.rational import Rational, parts, quotient
from shapecalc.tensors import Tensor

_FACTOR = re.compile(r"[0-9]{1,4}(?:\.[0-9]{1,4})?")
_MOST = 64


class Rule(NamedTuple):
    """By what depth, width and image grow at each step of φ."""

    alpha: Fraction
    beta: Fraction
    gamma: Fraction
    depth: str = "depth"
    """The parameter that multiplies depths."""
    width: str = "width"
    """The parameter that multiplies widths."""
    multiple: int = 1
    """Of what the sizes of the image are multiples."""

    @property
    def parameters(self) -> dict[str, Fraction]:
        """By the names of parameters that grow, by what."""
        own = {self.depth: self.alpha, self.width: self.beta}
        return {name: factor for name, factor in own.items() if factor != 1}


class Grown(NamedTuple):
    """The network of one φ."""

    phi: int
    point: Point
    times: Fraction | None
    """Its MACs in terms of those of φ = 0; None where they are not known."""
    by_rule: Fraction
    """α·β²·γ² to the power of φ."""

    def to_dict(self) -> dict[str, Any]:
        """The row of a frame, as a sweep has it."""
        row = self.point.to_dict()
        error = row.pop("error")
        times = None if self.times is None else float(self.times)
        beside = {"times": times, "by_rule": float(self.by_rule), "doubled": 2**self.phi}
        return {**row, **beside, "error": error}


@dataclass(frozen=True, slots=True)
class Scaling:
    """A network at several φ, the first of which is 0."""

    name: str
    rule: Rule
    axes: int
    """How many axes the image has that grow."""
    columns: Sequence[str]
    steps: tuple[Grown, ...]

    @property
    def grows(self) -> Fraction:
        """By what the MACs would grow at each step: α·β²·γ², or γ³ of volumes."""
        return self.rule.alpha * self.rule.beta**2 * self.rule.gamma**self.axes


def factor_of(text: object, option: str) -> Fraction:
    """The factor that a text is.

    Raises:
        UsageError: it is none above 0.
    """
    found = Fraction(str(text)) if _FACTOR.fullmatch(str(text)) else None
    if not found:
        raise UsageError(f"{option} {quoted(str(text))} is no number above 0", hint=f"as in {option} 1.2")
    return found


def scaled(
    architecture: Architecture,
    given: Given,
    values: Mapping[str, object],
    rule: Rule,
    phis: Sequence[object],
    columns: Sequence[str],
    terms: Terms,
) -> Scaling:
    """A network at each φ, beside that of φ = 0.

    Raises:
        UsageError: the network has no such multiplier or no image, or a φ is no whole number. What is wrong
            at one φ is the `error` of its point.
    """
    inputs = inputs_of(architecture, given, values)
    axes = _axes(architecture, inputs, rule)
    scope = architecture.scope(values)
    own = {name: _own(architecture, scope, name, rule) for name in rule.parameters}
    names = list(dict.fromkeys([*columns, "macs"]))
    grows = rule.alpha * rule.beta**2 * rule.gamma**axes

    def point(phi: int) -> Point:
        put = {name: _grown(scope[name], own[name] * rule.parameters[name] ** phi) for name in own}
        images = {name: _enlarged(tensor, rule, phi) for name, tensor in inputs.items()}
        grown = {name: _as_read(value) for name, value in put.items()}
        there = {"phi": phi, **grown, "input": next(iter(images.values())).shape}
        return _point(architecture, images, {**values, **put}, there, names, terms)

    points = [(phi, point(phi)) for phi in [0, *_steps(phis)]]
    base = points[0][1].figures["macs"]
    steps = [Grown(phi, there, _ratio(there.figures["macs"], base), grows**phi) for phi, there in points]
    return Scaling(architecture.name, rule, axes, names, tuple(steps))


def _steps(phis: Sequence[object]) -> Iterator[int]:
    for phi in phis:
        if type(phi) is not int or not 0 <= phi <= _MOST:
            raise UsageError(f"--phi: a step is a whole number up to {_MOST}, not {written(phi)}")
        if phi:
            yield phi


def _axes(architecture: Architecture, inputs: Mapping[str, Tensor], rule: Rule) -> int:
    """How many axes of the images grow."""
    letters = [size for tensor in inputs.values() for size in tensor.shape if isinstance(size, Expr)]
    if letters:
        raise UsageError(f"scale needs numbers for all sizes, not {letters[0]}", hint="--input 1x3x224x224")
    if rule.gamma == 1:
        return 0
    ranks = [tensor.rank for tensor in inputs.values() if tensor.rank > 3]
    if not ranks:
        raise UsageError(
            f"the input of {architecture.name} has no height and width, which --gamma multiplies",
            hint="--gamma 1 leaves the input as it is",
        )
    return max(ranks) - 2


def _own(architecture: Architecture, scope: Mapping[str, Any], name: str, rule: Rule) -> Fraction:
    """The value that a parameter is multiplied from."""
    letter, option = ("--alpha", "--depth") if name == rule.depth else ("--beta", "--width")
    if name not in scope:
        numbers = [key for key, value in scope.items() if type(value) in (int, float, Rational)]
        raise UsageError(
            f"{architecture.name} has no parameter {quoted(name)}, which {letter} multiplies",
            hint=f"{option} NAME is one of {listed(numbers) or 'none'}; {letter} 1 leaves it as it is",
        )
    value = scope[name]
    if type(value) not in (int, float, Rational):
        raise UsageError(
            f"the parameter {name} is {written(value)}, no number that {letter} could multiply",
            hint=f"{option} NAME names another, {letter} 1 leaves it as it is",
        )
    return Fraction(*parts(value)) if isinstance(value, Rational) else Fraction(str(value))  # type: ignore[arg-type]


def _grown(default: object, value: Fraction) -> object:
    """The value as the parameter takes it: whole where its default is, exact elsewhere."""
    return round(value) if type(default) is int else quotient(value.numerator, value.denominator)


def _enlarged(tensor: Tensor, rule: Rule, phi: int) -> Tensor:
    """The input with larger height and width, of two multiples the nearer one."""
    if rule.gamma == 1 or tensor.rank < 4:
        return tensor
    first, channels, *sizes = tensor.shape
    factor = rule.gamma**phi / rule.multiple
    larger = [max(1, round(size * factor)) * rule.multiple if phi else size for size in map(int, sizes)]  # type: ignore[arg-type]
    return Tensor((first, channels, *larger), tensor.dtype)


def _point(
    architecture: Architecture,
    inputs: Mapping[str, Tensor],
    values: Mapping[str, object],
    there: Mapping[str, object],
    columns: Sequence[str],
    terms: Terms,
) -> Point:
    """The network at one φ; `there` is what a row says of it, the φ and what grows."""
    figures: dict[str, object] = dict.fromkeys(columns)
    try:
        found = Figures(analyse(architecture, inputs, architecture.undecided(values), brief=True), terms)
        for column in columns:
            figures[column] = FIGURES[column](found)
    except ShapecalcError as error:
        return Point(architecture.name, there, figures, error)
    return Point(architecture.name, there, figures)


def _as_read(value: object) -> object:
    """The value as a file would have it, exactly: a decimal, of too many digits a quotient."""
    if not isinstance(value, Rational):
        return value
    over, by = parts(value)
    exact = Fraction(over, by)  # type: ignore[arg-type]
    return float(value) if Fraction(str(float(value))) == exact else f"{over}/{by}"


def _ratio(macs: object, base: object) -> Fraction | None:
    return Fraction(macs, base) if isinstance(macs, int) and isinstance(base, int) and base else None
