"""What a verification found: figures that differ, for each architecture, and the exit code that follows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from shapecalc.language.expectation import Bounds

Figure: TypeAlias = "int | str | None | Sequence[int] | Bounds"
"""A count, bounds of one, a shape or a dtype; None where one side has nothing."""


@dataclass(frozen=True, slots=True)
class Mismatch:
    """A figure that differs: `expected` by the engine or the file, `measured` in torch."""

    path: str
    what: str
    expected: Figure
    measured: Figure
    heaviest: tuple[tuple[str, int], ...] = ()
    """Of a count that is not as expected, the layers that weigh most."""

    def to_dict(self) -> dict[str, Any]:
        expected = self.expected.to_dict() if isinstance(self.expected, Bounds) else self.expected
        return {
            "path": self.path,
            "what": self.what,
            "expected": expected,
            "measured": self.measured,
            **({"heaviest": dict(self.heaviest)} if self.heaviest else {}),
        }


@dataclass(frozen=True, slots=True)
class Usage:
    """What a device had in use at most, beside what is predicted: the rest is its libraries' workspace."""

    what: str
    predicted: int
    measured: int

    def to_dict(self) -> dict[str, Any]:
        workspace = self.measured - self.predicted
        return {
            "what": self.what,
            "predicted": self.predicted,
            "measured": self.measured,
            "workspace": workspace,
        }


@dataclass(frozen=True, slots=True)
class Verdict:
    """One architecture, verified; with `error`, why it could not be, and the exit code of that."""

    name: str
    layers_checked: int
    mismatches: tuple[Mismatch, ...]
    seconds: float
    error: str | None = None
    error_code: int = 0
    usages: tuple[Usage, ...] = ()
    """Of a device that counts its bytes."""

    @property
    def status(self) -> str:
        if self.error is not None:
            return "error"
        return "mismatch" if self.mismatches else "ok"

    @property
    def exit_code(self) -> int:
        return self.error_code or int(bool(self.mismatches))

    def to_dict(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "status": self.status,
            "layers_checked": self.layers_checked,
            "mismatches": [mismatch.to_dict() for mismatch in self.mismatches],
            "seconds": round(self.seconds, 3),
            **({"memory": [usage.to_dict() for usage in self.usages]} if self.usages else {}),
            **({"error": self.error} if self.error is not None else {}),
        }


@dataclass(frozen=True, slots=True)
class Report:
    """All verdicts of one command, the device and the version of torch that judged."""

    device: str
    torch: str
    verdicts: tuple[Verdict, ...]

    @property
    def status(self) -> str:
        """`mismatch` if a figure differs anywhere, else `error` if something was not verified, else `ok`."""
        found = {verdict.status for verdict in self.verdicts}
        return next((status for status in ("mismatch", "error") if status in found), "ok")

    @property
    def exit_code(self) -> int:
        """A wrong figure or file decides before a device that can't hold a network."""
        codes = {verdict.exit_code for verdict in self.verdicts}
        return next((code for code in (1, 2, 3) if code in codes), 0)

    def to_dict(self) -> dict[str, Any]:
        return {
            "status": self.status,
            "device": self.device,
            "torch": self.torch,
            "architectures": [verdict.to_dict() for verdict in self.verdicts],
        }
