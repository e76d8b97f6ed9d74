"""Runs a command of the command line inside of the test's process."""

from __future__ import annotations

import sys
from dataclasses import dataclass

import pytest

from shapecalc.cli.app import main


@dataclass(frozen=True)
class Finished:
    code: int
    out: str
    err: str

    @property
    def errors(self) -> str:
        """Standard error without the notes of names that several architectures bear."""
        return "".join(line for line in self.err.splitlines(keepends=True) if not line.startswith("note: "))


class Command:
    """`run("show", "nin")` is `shapecalc show nin` on a terminal of `columns` columns that is none."""

    def __init__(self, patch: pytest.MonkeyPatch, capture: pytest.CaptureFixture[str]) -> None:
        self.patch = patch
        self.capture = capture

    def __call__(self, *words: str, columns: int = 80) -> Finished:
        self.patch.setenv("COLUMNS", str(columns))
        self.patch.setattr(sys, "argv", ["shapecalc", *words])
        with pytest.raises(SystemExit) as end:
            main()
        code = end.value.code
        printed = self.capture.readouterr()
        return Finished(code if isinstance(code, int) else int(code is not None), printed.out, printed.err)
