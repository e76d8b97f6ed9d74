"""Verifies architectures one by one, and gathers what was found into a report."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from shapecalc.analysis.compare.verdicts import Report, Verdict
from shapecalc.engine.results import Analysis
from shapecalc.engine.run import whole
from shapecalc.errors import ShapecalcError
from shapecalc.torch_check.device import describe, find_device
from shapecalc.torch_check.verify import verify


class Judge:
    """torch on one device."""

    def __init__(self, device: str) -> None:
        """Raises UsageError if there is no such kind of device, UnavailableError if none is here."""
        self.device = find_device(device)

    def verify(
        self, name: str, analyse: Callable[[], Analysis], expectations: bool, memory: bool = False
    ) -> Verdict:
        """The verdict on what `analyse` gives; an error of it, or of the device, is a verdict too."""
        try:
            analysis = whole(analyse(), "verify")
            return verify(analysis, self.device, name, expectations=expectations, memory=memory)
        except ShapecalcError as error:
            return Verdict(name, 0, (), 0.0, str(error), error.exit_code)

    def report(self, verdicts: Sequence[Verdict]) -> Report:
        return Report(describe(self.device), torch.__version__, tuple(verdicts))
