"""The command line as a whole: which commands there are, and what an error ends it with."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Annotated

import typer

import shapecalc
from shapecalc.cli.panels import InPanels
from shapecalc.errors import LONGEST, ShapecalcError, UnavailableError, shorten, visible
from shapecalc.render import streams

_FAULT = 4
"""The exit code of a fault of shapecalc itself."""

_COMMANDS = {
    "show": "show.show",
    "receptive": "costs.receptive",
    "explain": "show.explain",
    "domain": "formulas.domain",
    "solve": "solving.solve",
    "flops": "costs.flops",
    "params": "show.params",
    "memory": "costs.memory",
    "serve": "serving.serve",
    "sweep": "sweeping.sweep",
    "scale": "scaling.scale",
    "roofline": "roofline.roofline",
    "list": "reference.list_",
    "layers": "reference.layers",
    "schema": "reference.schema",
    "verify": "proof.verify",
    "check": "proof.check",
    "diff": "proof.diff",
    "import": "importing.import_",
    "export": "exporting.export",
    "draw": "drawing.draw",
    "report": "reporting.report",
}
"""Each command, in the order of the help, with its file in this folder and its function there."""


def _app(words: Sequence[str]) -> typer.Typer:
    """The command line with the command that these words begin with, or all: each costs its imports."""
    app = typer.Typer(
        name="shapecalc",
        help="Shapes, parameters and compute of neural networks, by formula and proved against torch.",
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback(invoke_without_command=True)(root)
    for name in words[:1] if words and words[0] in _COMMANDS else _COMMANDS:
        file, _, function = _COMMANDS[name].partition(".")
        app.command(name, cls=InPanels)(getattr(import_module(f"shapecalc.cli.{file}"), function))
    return app


def root(
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="With any command: the trace of a fault of shapecalc itself.")
    ] = False,
) -> None:
    if version:
        print(f"shapecalc {shapecalc.__version__}")
        raise typer.Exit


def main() -> None:
    """The entry point: the one place where errors become messages and exit codes."""
    words = [word for word in sys.argv[1:] if word != "--debug"]
    try:
        streams.prepare()
        try:
            _app(words)(words)
        finally:
            sys.stdout.flush()
    except ShapecalcError as error:
        sys.exit(_report(error))
    except Exception as error:
        if isinstance(error, OSError) and error.filename is None:  # of writing: one of reading names a file
            streams.silence()
            sys.exit(_report(UnavailableError(f"the output can't be written: {error.strerror}")))
        sys.exit(_report_fault(error, words, traced=words != sys.argv[1:]))


def _report(error: ShapecalcError) -> int:
    """Say what is wrong; gives the exit code."""
    streams.complain(f"error: {error}")
    return error.exit_code


def _report_fault(error: Exception, words: list[str], traced: bool) -> int:
    """Say in one line what should never happen, and ask for a report; with its trace, if that is wanted."""
    import shlex
    import traceback

    reason = shorten(visible(f"{type(error).__name__}: {error}".rstrip(": ")), LONGEST)
    command = shorten(visible(shlex.join(["shapecalc", *words])), LONGEST)
    if traced:
        streams.complain("".join(traceback.format_exception(error)).rstrip())
    streams.complain(
        f"error: a fault of shapecalc {shapecalc.__version__} itself, {reason}: please report it, with the"
        f" file and this command: {command}" + ("" if traced else " (--debug shows its trace)")
    )
    return _FAULT
