"""Whether figures are right: against torch, against the file, against another network."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from shapecalc.cli.importing import equal_network, is_elsewhere
from shapecalc.cli.needs import needed
from shapecalc.cli.networks import DiffSide, all_of, analysed, given_input, side_of
from shapecalc.cli.options import Archs, Ascii, Depth, Input, ReportForm, Set, VerdictForm
from shapecalc.cli.weights import verify_weights
from shapecalc.engine.limits import MOST_FOLLOWED
from shapecalc.engine.run import whole
from shapecalc.errors import ShapecalcError, UsageError, quoted
from shapecalc.render import streams

if TYPE_CHECKING:
    from shapecalc.engine.results import Analysis
    from shapecalc.torch_check.verify import Judge


Device = Annotated[str | None, typer.Option(help="cpu, cuda, cuda:1, meta or mps; cpu unless given.")]
OfMemory = Annotated[
    bool, typer.Option("--memory", help="Also bytes: what is alive at once, what autograd keeps.")
]
Timed = Annotated[
    bool, typer.Option("--roofline", help="Also time: no pass is faster than the device can be.")
]
Roof = Annotated[
    str | None,
    typer.Option(
        metavar="NAME", help="With --roofline, what the device is, as of roofline; a GPU's own name."
    ),
]
Junit = Annotated[Path | None, typer.Option(metavar="FILE", help="Write a JUnit report for CI systems.")]
Stored = Annotated[
    str | None,
    typer.Option(
        metavar="FILE",
        help="In place of torch, a checkpoint: .safetensors, .pt, .pth, .bin, or an index of shards.",
    ),
]
KnownNames = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="With --weights, what it calls the weights, as import writes it."),
]
WrittenNames = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="With --weights, write such a file where shapes tell the names."),
]
StoredDtype = Annotated[
    str | None,
    typer.Option(help="With --weights, what float32 is there; any of floating point unless given."),
]


def verify(
    archs: Archs = None,
    device: Device = None,
    memory: OfMemory = False,
    roofline: Timed = False,
    roof: Roof = None,
    input: Input = None,
    set: Set = None,
    junit: Junit = None,
    weights: Stored = None,
    names: KnownNames = None,
    write_names: WrittenNames = None,
    dtype: StoredDtype = None,
    format: VerdictForm = "table",
) -> None:
    """The engine against a real torch forward pass: every layer's shape, dtype, weights and MACs."""
    if weights is not None:
        if device or memory or junit or roofline:
            reason = "--device, --memory, --roofline and --junit are for torch, --weights is for a checkpoint"
            raise UsageError(reason)
        raise typer.Exit(verify_weights(archs, input, set, weights, names, write_names, dtype, format))
    if names or write_names or dtype:
        reason = "--names, --write-names and --dtype are for a checkpoint"
        raise UsageError(reason, hint="--weights FILE is one")
    if roof is not None and not roofline:
        raise UsageError("--roof is what --roofline holds a pass to", hint="--roofline --roof a100-80g")
    judge = _judge(device or "cpu", roofline, roof)
    raise typer.Exit(_verify_in_torch(judge, archs, input, set, memory, junit, format))


def _verify_in_torch(
    judge: Judge,
    archs: list[str] | None,
    input: list[str] | None,
    set: list[str] | None,
    memory: bool,
    junit: Path | None,
    form: str,
) -> int:
    """The exit code of `verify` without `--weights`."""
    from shapecalc.render.verdicts import print_report, with_progress, write_file, write_junit

    if junit:
        write_file(junit)  # found out before the work is done, not after it
    every = all_of(archs)
    own = not input and not set
    found = with_progress(
        list(every),
        lambda name: judge.verify(name, lambda: analysed(every[name], input, set), own, memory),
        quiet=form == "json",
    )
    report = judge.report(found)
    print_report(report, form)
    if junit:
        write_junit(report, junit)
    return report.exit_code


def check(archs: Archs = None, format: VerdictForm = "table") -> None:
    """Whether networks have the figures and keep the bounds of their files' `expect`, without torch."""
    from shapecalc.analysis.compare.expected import check
    from shapecalc.analysis.compare.verdicts import Checked, Report
    from shapecalc.render.verdicts import print_report

    found = []
    for name, network in all_of(archs).items():
        try:
            found.append(check(analysed(network, None, None), name))
        except ShapecalcError as error:
            found.append(Checked(name=name, error=error))
    report = Report(found)
    print_report(report, format)
    raise typer.Exit(report.exit_code)


A = Annotated[
    str,
    typer.Argument(
        metavar="A",
        help="As in nin, in quotes 'nin --set classes=10', or what import takes: model.onnx, a.py:Net.",
    ),
]
B = Annotated[str, typer.Argument(metavar="B", help="What it is compared with, in the same form.")]
All = Annotated[bool, typer.Option("--all", help="The layers that are the same, too.")]


def diff(
    a: A,
    b: B,
    input: Input = None,
    set: Set = None,
    depth: Depth = None,
    all: All = False,
    format: ReportForm = "table",
    ascii: Ascii = False,
) -> None:
    """Two networks layer by layer: what was added, removed and changed. Exit code 0 if they are equal.

    A Python target's own code is run, as import does it; ONNX is read as data.
    """
    from shapecalc.analysis.compare.difference import compare
    from shapecalc.render.diff import print_diff

    first, second = (_side(side_of(text, input, set)) for text in (a, b))
    found = compare(first, second)
    shown = compare(first, second, depth) if depth is not None else found
    print_diff(found, shown, (a, b), format, all)
    raise typer.Exit(int(not found.equal))


def _side(side: DiffSide) -> Analysis:
    """The analysis of a network by its name, or of one from elsewhere; of layer and layer unless too many."""
    if is_elsewhere(side.name):
        found = equal_network(side.name, given_input(side.input or []), side.args)
        for call in found.opaque:
            streams.note(f"{side.name}: {call}; its figures were measured")
        return _compared(analysed(found.architecture, None, side.set))
    if side.args:
        raise UsageError(
            f"--args is what a Python target is called with, and {quoted(side.name)} is a file",
            hint="a file's parameters are given by --set NAME=VALUE",
        )
    return _compared(analysed(side.name, side.input, side.set))


def _compared(analysis: Analysis) -> Analysis:
    return whole(analysis, "diff") if analysis.layers <= MOST_FOLLOWED else analysis


def _judge(device: str, roofline: bool, roof: str | None) -> Judge:
    with needed():
        from shapecalc.torch_check.roofline import figures_of
        from shapecalc.torch_check.verify import Judge
    if not roofline:
        return Judge(device)
    if roof is None:
        return Judge(device, figures_of)
    from shapecalc.analysis.roofline.device import load_device

    return Judge(device, lambda _: load_device(roof))
