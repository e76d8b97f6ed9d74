"""Whether the figures of networks are what they should be: what differs, and the exit code that follows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from fractions import Fraction
from math import ceil
from typing import Any, ClassVar, TypeAlias

from shapecalc.errors import ShapecalcError
from shapecalc.language.expectation import Bounds

Figure: TypeAlias = "int | str | None | Sequence[int] | Bounds"
"""A count, bounds of one, a shape or a dtype; None where one side has nothing."""


@dataclass(frozen=True, slots=True)
class Mismatch:
    """A figure of the layer at `path`, or of the whole network, that is not what it should be."""

    path: str
    what: str
    expected: Figure
    found: Figure
    heaviest: tuple[tuple[str, int], ...] = ()
    """Of a count, the layers that have most of it: their paths and their parts."""

    @property
    def needed(self) -> Any:
        """What is expected, in JSON's types."""
        return self.expected.to_dict() if isinstance(self.expected, Bounds) else self.expected


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What was found of one architecture; with `error`, why nothing could be."""

    wrong: ClassVar[str]
    """What the status of one with mismatches is called."""

    name: str
    mismatches: tuple[Mismatch, ...] = ()
    error: ShapecalcError | None = None

    @property
    def status(self) -> str:
        if self.error is not None:
            return "error"
        return self.wrong if self.mismatches else "ok"

    @property
    def exit_code(self) -> int:
        return self.error.exit_code if self.error else int(bool(self.mismatches))

    def figures(self) -> dict[str, Any]:
        """What there is to say of it beside its name, its status and its error, in JSON's types."""
        raise NotImplementedError

    def to_dict(self) -> dict[str, Any]:
        error = {"error": str(self.error)} if self.error is not None else {}
        return {"name": self.name, "status": self.status, **self.figures(), **error}


@dataclass(frozen=True, kw_only=True)
class Checked(Verdict):
    """An architecture's figures beside those that its file expects."""

    wrong = "broken"

    checked: tuple[str, ...] = ()
    """The figures that there was something to expect of."""

    def figures(self) -> dict[str, Any]:
        return {"checked": list(self.checked), "broken": [_broken(m) for m in self.mismatches]}


def _broken(mismatch: Mismatch) -> dict[str, Any]:
    parts = [{"path": path, mismatch.what: count} for path, count in mismatch.heaviest]
    heaviest = {"heaviest": parts} if parts else {}
    return {"what": mismatch.what, "expected": mismatch.needed, "computed": mismatch.found, **heaviest}


@dataclass(frozen=True, slots=True)
class Usage:
    """What a device had in use at most, in bytes, beside what is predicted.

    The rest is its libraries' workspace.
    """

    what: str
    predicted: int
    measured: int

    @property
    def workspace(self) -> int:
        return self.measured - self.predicted

    def to_dict(self) -> dict[str, Any]:
        return {**asdict(self), "workspace": self.workspace}


@dataclass(frozen=True, slots=True)
class Timed:
    """A forward pass, and the time that a device can't be below."""

    device: str
    dtype: str
    at_least: Fraction
    """Seconds."""
    measured: int
    """Nanoseconds."""

    @property
    def nanoseconds(self) -> int:
        """The bound in whole nanoseconds, of which a measured number is one."""
        return ceil(self.at_least * 10**9)

    @property
    def mismatches(self) -> tuple[Mismatch, ...]:
        """What is wrong with it: a pass that is faster than the device."""
        if self.measured >= self.nanoseconds:
            return ()
        what = f"nanoseconds of a pass in {self.dtype} on {self.device}"
        return (Mismatch("", what, Bounds(min=self.nanoseconds), self.measured),)

    def to_dict(self) -> dict[str, Any]:
        return {**asdict(self), "at_least": float(self.at_least), "measured": self.measured / 10**9}


@dataclass(frozen=True, kw_only=True)
class Verified(Verdict):
    """An architecture's figures beside those that torch has."""

    wrong = "mismatch"

    layers_checked: int = 0
    seconds: float = 0.0
    usages: tuple[Usage, ...] = ()
    """Of a device that counts its bytes."""
    timed: Timed | None = None
    """How long a pass took, where that was asked for."""
    schemes: tuple[str, ...] = ()
    """Under which matrices are stored; they are run as float32."""

    def figures(self) -> dict[str, Any]:
        return {
            "layers_checked": self.layers_checked,
            "mismatches": [_mismatch(mismatch) for mismatch in self.mismatches],
            "seconds": round(self.seconds, 3),
            **({"stored": list(self.schemes)} if self.schemes else {}),
            **({"roofline": self.timed.to_dict()} if self.timed else {}),
            **({"memory": [usage.to_dict() for usage in self.usages]} if self.usages else {}),
        }


def _mismatch(mismatch: Mismatch) -> dict[str, Any]:
    heaviest = {"heaviest": dict(mismatch.heaviest)} if mismatch.heaviest else {}
    both = {"expected": mismatch.needed, "measured": mismatch.found}
    return {"path": mismatch.path, "what": mismatch.what, **both, **heaviest}


@dataclass(frozen=True)
class Report:
    """All verdicts of one command."""

    verdicts: Sequence[Verdict]
    judge: Mapping[str, str] = field(default_factory=dict)
    """The `device` that ran the networks and the version of `torch`; nothing where files were the judge."""

    @property
    def status(self) -> str:
        """What a figure that differs anywhere is called, else `error` if there is one, else `ok`."""
        found = {verdict.status for verdict in self.verdicts}
        return next((status for status in (Verified.wrong, Checked.wrong, "error") if status in found), "ok")

    @property
    def exit_code(self) -> int:
        """A wrong figure or file decides before a device that can't hold a network."""
        codes = {verdict.exit_code for verdict in self.verdicts}
        return next((code for code in (1, 2, 3) if code in codes), 0)

    def to_dict(self) -> dict[str, Any]:
        architectures = [verdict.to_dict() for verdict in self.verdicts]
        return {"status": self.status, **self.judge, "architectures": architectures}
