"""The command line: parse, call, render, exit code."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias, TypeGuard

import typer

import shapecalc
from shapecalc.cli.options import given_input, given_values, side_of
from shapecalc.engine.results import Analysis
from shapecalc.engine.run import inputs_of
from shapecalc.errors import (
    LONGEST,
    ArchitectureError,
    ShapecalcError,
    UnavailableError,
    UsageError,
    listed,
    shorten,
    visible,
)
from shapecalc.pause_gc import collect_again, without_collecting
from shapecalc.render import streams
from shapecalc.zoo import lookup as zoo
from shapecalc.zoo.index import Entry

if TYPE_CHECKING:
    from shapecalc.analysis.domain.domain import Domain

FAULT = 4
"""The exit code of what is no fault of the user's."""

app = typer.Typer(
    name="shapecalc",
    help="Shapes, parameters and compute of neural networks, by formula and proved against torch.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


class Format(StrEnum):
    table = "table"
    json = "json"
    csv = "csv"
    markdown = "markdown"


class ExplanationFormat(StrEnum):
    text = "text"
    markdown = "markdown"
    latex = "latex"
    json = "json"


class DomainFormat(StrEnum):
    table = "table"
    json = "json"
    markdown = "markdown"


class ReportFormat(StrEnum):
    table = "table"
    json = "json"


class Order(StrEnum):
    name = "name"
    params = "params"
    macs = "macs"


class Layout(StrEnum):
    NCHW = "NCHW"
    NHWC = "NHWC"


class Dtype(StrEnum):
    float16 = "float16"
    bfloat16 = "bfloat16"
    float32 = "float32"
    float64 = "float64"


class MemoryDtype(StrEnum):
    float32 = "float32"
    bfloat16 = "bfloat16"
    float16 = "float16"
    amp = "amp"


class OptimizerName(StrEnum):
    sgd = "sgd"
    momentum = "momentum"
    adam = "adam"
    adamw = "adamw"


Arch = Annotated[str, typer.Argument(metavar="ARCH", help="A YAML file, a name of the zoo, or - for stdin.")]
Input = Annotated[
    list[str] | None,
    typer.Option(
        "--input",
        "-i",
        metavar="SHAPE",
        help="As in 1x3x224x224 or Nx3xHxW; NAME=SHAPE if there are several.",
    ),
]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set", "-s", metavar="NAME=VALUE", help="A value for a parameter of the file; repeatable."
    ),
]
AnyWeights = Annotated[
    bool,
    typer.Option("--any-weights", help="Also inputs that give weights other shapes than the file's own."),
]
Depth = Annotated[int | None, typer.Option(min=1, help="Levels of blocks to show; all unless given.")]
Ascii = Annotated[
    bool,
    typer.Option("--ascii", callback=streams.ascii_only, help="ASCII alone: floor() and ceil() in formulas."),
]
DomainForm = Annotated[DomainFormat, typer.Option("--format", "-f", help="The form of the output.")]
Form = Annotated[Format, typer.Option("--format", "-f", help="The form of the output.")]


@app.callback(invoke_without_command=True)
def root(
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="With any command: the trace of a fault of shapecalc itself.")
    ] = False,
) -> None:
    if version:
        print(f"shapecalc {shapecalc.__version__}")
        raise typer.Exit


@app.command()
def show(
    arch: Arch,
    input: Input = None,
    set: Set = None,
    depth: Depth = None,
    columns: Annotated[
        str | None,
        typer.Option(
            metavar="A,B,…",
            help="Of layer, path, type, arguments, input, output, dtype, weights, params, params_share,"
            " buffers, macs, macs_share, flops, receptive, receptive_stride, receptive_start.",
        ),
    ] = None,
    layout: Annotated[
        Layout, typer.Option(help="The order of axes in printed shapes of four axes or more.")
    ] = Layout.NCHW,
    format: Form = Format.table,
    ascii: Ascii = False,
) -> None:
    """Every layer of a network: output shape, parameters, MACs and its share of them."""
    from shapecalc.render.show import print_show

    print_show(_analyse(arch, input, set), format, depth, columns, layout)


@app.command()
def receptive(
    arch: Arch,
    input: Input = None,
    set: Set = None,
    depth: Depth = None,
    of: Annotated[
        str | None, typer.Option(metavar="NAME", help="The input that is seen; the first with spatial axes.")
    ] = None,
    format: Form = Format.table,
    ascii: Ascii = False,
) -> None:
    """What an output element of each layer reads of the input: size, stride and start, axis by axis."""
    from shapecalc.analysis.receptive.field import receptive
    from shapecalc.render.receptive import print_receptive

    print_receptive(receptive(_analyse(arch, input, set), of), format, depth)


@app.command()
def explain(
    arch: Arch,
    layer: Annotated[
        str | None,
        typer.Argument(metavar="[LAYER]", help="A path, or an end of one; all layers unless given."),
    ] = None,
    input: Input = None,
    set: Set = None,
    format: Annotated[
        ExplanationFormat, typer.Option("--format", "-f", help="The form of the output.")
    ] = ExplanationFormat.text,
    ascii: Ascii = False,
) -> None:
    """Why a layer's figures are what they are: its formulas, with the numbers put in."""
    from shapecalc.analysis.domain.generalise import in_general
    from shapecalc.analysis.explain import explain
    from shapecalc.render.explain import print_explanations

    analysis, general, problem = _analyse(arch, input, set), None, None
    node = analysis.find(layer) if layer is not None else None
    try:
        general = in_general(analysis.architecture, analysis.inputs, analysis.parameters, batch=True)
    except ArchitectureError as error:
        problem = error.message
    print_explanations(analysis, explain(analysis, node, general), format, problem)


@app.command()
def domain(
    arch: Arch,
    input: Input = None,
    set: Set = None,
    any_weights: AnyWeights = False,
    format: DomainForm = DomainFormat.table,
    ascii: Ascii = False,
) -> None:
    """Which inputs a network takes: the smallest one, every condition and the layer it comes from."""
    from shapecalc.render.domain import print_domain

    print_domain(_domain(arch, input, set, any_weights), format)


@app.command()
def solve(
    arch: Arch,
    output: Annotated[
        str,
        typer.Option(
            "--output",
            "-o",
            metavar="SHAPE",
            help="The wanted output, as in 1x512x7x7; a new letter is any size.",
        ),
    ],
    at: Annotated[
        str | None, typer.Option(metavar="LAYER", help="The output of this layer, by its path.")
    ] = None,
    input: Input = None,
    set: Set = None,
    any_weights: AnyWeights = False,
    format: DomainForm = DomainFormat.table,
    ascii: Ascii = False,
) -> None:
    """All inputs that give a wanted output, or why none does."""
    from shapecalc.analysis.domain.domain import inputs_that_give, wanted_shape
    from shapecalc.render.domain import print_solutions

    found = _domain(arch, input, set, any_weights)
    node = found.analysis.find(at) if at is not None else None
    shape = (node.output if node else found.analysis.outputs[0]).shape
    solutions = inputs_that_give(found, shape, wanted_shape(found, output))
    print_solutions(solutions, format, node and node.path, shape, output)


@app.command()
def flops(
    arch: Arch,
    input: Input = None,
    set: Set = None,
    convention: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="One of macs, torch, torchinfo, fvcore, thop, ptflops, calflops, deepspeed, xla; or all.",
        ),
    ] = None,
    backward: Annotated[bool, typer.Option("--backward", help="The backward pass of training, too.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 1 where a figure is unknown.")] = False,
    depth: Depth = None,
    format: Form = Format.table,
    ascii: Ascii = False,
) -> None:
    """What a network computes: every layer's operations, or what a counting convention makes of them."""
    from shapecalc.analysis.counting.conventions import chosen_by
    from shapecalc.render.flops import is_known, print_flops

    chosen = chosen_by(convention)
    analysis = _analyse(arch, input, set)
    print_flops(analysis, chosen, format, depth, backward)
    raise typer.Exit(int(strict and not is_known(analysis, chosen, format, backward)))


@app.command()
def params(
    arch: Arch,
    input: Input = None,
    set: Set = None,
    depth: Depth = None,
    dtype: Annotated[Dtype, typer.Option(help="The dtype that bytes are given for.")] = Dtype.float32,
    format: Form = Format.table,
    ascii: Ascii = False,
) -> None:
    """The named weights of a network, with shape and count, per layer and in total."""
    from shapecalc.render.params import print_params

    print_params(_analyse(arch, input, set), format, depth, dtype)


@app.command()
def memory(
    arch: Arch,
    input: Input = None,
    set: Set = None,
    batch: Annotated[int | None, typer.Option(min=1, help="The size of the inputs' first axis.")] = None,
    dtype: Annotated[
        MemoryDtype, typer.Option(help="What float32 is; amp is float32 under torch.autocast in float16.")
    ] = MemoryDtype.float32,
    train: Annotated[bool, typer.Option("--train", help="Also what a step in training needs.")] = False,
    optimizer: Annotated[
        OptimizerName | None, typer.Option(help="What updates the parameters, by default sgd; with --train.")
    ] = None,
    fit: Annotated[
        str | None, typer.Option(metavar="SIZE", help="The largest batch in that much, as 24GiB.")
    ] = None,
    depth: Depth = 1,
    format: Form = Format.table,
    ascii: Ascii = False,
) -> None:
    """Bytes in prediction and in training: weights, activations, what is kept for the way back."""
    from shapecalc.analysis.fitting import fitting
    from shapecalc.analysis.memory.batch import budget_of, with_batch
    from shapecalc.analysis.memory.memory import memory
    from shapecalc.analysis.prediction import predicted
    from shapecalc.render.memory import print_memory, print_memory_json
    from shapecalc.render.tree import one_by_one

    if optimizer is not None and not train and format != Format.json:  # which has all figures
        raise UsageError("--optimizer is for a step in training", hint="--train shows it")
    architecture, given, values = _read(arch, input, set)
    analysis = _at_input(architecture, given, values)
    if batch is not None:
        analysis = with_batch(analysis, batch)
    analysis = one_by_one(analysis, format)
    update = optimizer or OptimizerName.sgd
    step = memory(analysis, dtype, update) if train or fit is not None or format == Format.json else None
    if train and step and step.refusal:
        raise step.refusal
    best = fitting(step, budget_of(fit), train) if step and fit is not None else None
    if step and format == Format.json:
        print_memory_json(step, best)
    else:
        print_memory(step or predicted(analysis, dtype), format, depth, step if train else None, best)


@app.command("list")
def list_(
    patterns: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[PATTERN]...", help="Names, as in 'resnet*', a file, or a folder; all unless given."
        ),
    ] = None,
    sort: Annotated[Order, typer.Option(help="By name within each folder, or all by a figure.")] = Order.name,
    format: Form = Format.table,
) -> None:
    """The architectures that there are, with their inputs and totals."""
    from shapecalc.render.listing import print_list

    found, errors = [], {}
    for name, entry in zoo.matching(patterns or []).items():
        try:
            architecture, _, _ = _read(entry, None, None)
            found.append((name, shapecalc.analyse(architecture, brief=True)))
        except ShapecalcError as error:
            errors[str(error)] = error  # once, if all variants of a file have it
    codes = [_report(error) for error in errors.values()]
    print_list(found, format, sort)
    raise typer.Exit(max(codes, default=0))


@app.command()
def layers(
    type: Annotated[
        str | None, typer.Argument(metavar="[TYPE]", help="One layer type; all unless given.")
    ] = None,
    format: DomainForm = DomainFormat.table,
    ascii: Ascii = False,
) -> None:
    """The layer types with their arguments and formulas, and what of torch.nn is not among them."""
    from shapecalc.render.layers import print_layers

    print_layers(type, format)


@app.command()
def schema() -> None:
    """The language as JSON Schema, for the completion and the checks of an editor."""
    from shapecalc.language.schema import schema
    from shapecalc.render.grid import print_json

    print_json(schema())


@app.command()
def verify(
    archs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[ARCH]...", help="Names, or files with all of their variants; all unless given."
        ),
    ] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1, meta or mps.")] = "cpu",
    memory: Annotated[
        bool, typer.Option("--memory", help="Also bytes: what is alive at once, what autograd keeps.")
    ] = False,
    input: Input = None,
    set: Set = None,
    junit: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a JUnit report for CI systems.")
    ] = None,
    format: Annotated[ReportFormat, typer.Option("--format", "-f", help="The form of the output.")] = (
        ReportFormat.table
    ),
) -> None:
    """The engine against a real torch forward pass: every layer's shape, dtype, weights and MACs."""
    from shapecalc.render.verdicts import print_verdicts, with_progress, write_file, write_junit

    judge = _judge(device)
    if junit:
        write_file(junit)  # found out before the work is done, not after it
    every = _every(archs)
    own = not input and not set
    found = with_progress(
        list(every),
        lambda name: judge.verify(name, lambda: _analyse(every[name], input, set), own, memory),
        quiet=format == "json",
    )
    report = judge.report(found)
    print_verdicts(report, format)
    if junit:
        write_junit(report, junit)
    raise typer.Exit(report.exit_code)


@app.command()
def check(
    archs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[ARCH]...", help="Names, or files with all of their variants; all unless given."
        ),
    ] = None,
    format: Annotated[ReportFormat, typer.Option("--format", "-f", help="The form of the output.")] = (
        ReportFormat.table
    ),
) -> None:
    """Whether networks have the figures and keep the bounds of their files' `expect`, without torch."""
    from shapecalc.analysis.compare.expected import Check, check
    from shapecalc.render.checks import print_checks

    found = []
    for name, network in _every(archs).items():
        try:
            found.append(check(_analyse(network, None, None), name))
        except ShapecalcError as error:
            found.append(Check(name, error=str(error), error_code=error.exit_code))
    print_checks(found, format)
    codes = {checked.exit_code for checked in found}
    raise typer.Exit(next((code for code in (1, 2, 3) if code in codes), 0))


@app.command()
def diff(
    a: Annotated[str, typer.Argument(metavar="A", help="As in nin, or in quotes 'nin --set classes=10'.")],
    b: Annotated[str, typer.Argument(metavar="B", help="What it is compared with, in the same form.")],
    input: Input = None,
    set: Set = None,
    depth: Depth = None,
    all: Annotated[bool, typer.Option("--all", help="The layers that are the same, too.")] = False,
    format: DomainForm = DomainFormat.table,
    ascii: Ascii = False,
) -> None:
    """Two networks layer by layer: what was added, removed and changed. Exit code 0 if they are equal."""
    from shapecalc.analysis.compare.difference import compare
    from shapecalc.render.diff import print_diff

    first, second = (_analyse(*side_of(text, input, set)) for text in (a, b))
    found = compare(first, second)
    shown = compare(first, second, depth) if depth is not None else found
    print_diff(found, shown, (a, b), format, all)
    raise typer.Exit(int(not found.equal))


def _judge(device: str) -> Any:
    try:
        from shapecalc.torch_check.judge import Judge
    except ImportError as error:
        raise UnavailableError(f"torch can't be imported: {error}", hint="pip install torch") from None
    collect_again()  # modules and their hooks refer to each other
    return Judge(device)


Network: TypeAlias = "str | Entry | shapecalc.Architecture | ShapecalcError"
"""What is to be analysed: as it was named, found or read, or why it can't be."""


def _every(archs: list[str] | None) -> Mapping[str, Network]:
    """What `check` and `verify` go through, by name: all that is known, or what is named.

    A file that is named is all of its variants.
    """
    if not archs:
        return zoo.known()
    found: dict[str, Network] = {}
    for arch in archs:
        try:
            entry = _found(arch)
            found.update(zoo.members(arch, entry if isinstance(entry, Entry) else None))
        except ShapecalcError as error:
            found[arch] = error
    return found


def _analyse(network: Network, input: list[str] | None, set: list[str] | None) -> Analysis:
    return _at_input(*_read(network, input, set))


def _at_input(
    architecture: shapecalc.Architecture, given: str | dict[str, str] | None, values: dict[str, object]
) -> Analysis:
    """The analysis; one line on standard error says if the given input changes weights of the network."""
    try:
        analysis = shapecalc.analyse(architecture, given, values, brief=True)
    except ArchitectureError as error:
        from shapecalc.analysis.domain.advice import advised

        raise advised(error, architecture, given, values) from None
    if given is not None:
        from shapecalc.analysis.domain.own_weights import change

        if found := change(analysis):
            streams.complain(f"warning: the given input changes the weights, first those of {found}")
    return analysis


def _read(
    network: Network, input: list[str] | None, set: list[str] | None
) -> tuple[shapecalc.Architecture, str | dict[str, str] | None, dict[str, object]]:
    """What `analyse` takes, of a command's argument and options."""
    if isinstance(network, ShapecalcError):
        raise network
    found = _found(network) if isinstance(network, str) else network
    architecture = found if isinstance(found, shapecalc.Architecture) else shapecalc.load(found)
    if architecture.hidden:
        names, file = listed(architecture.hidden), architecture.document.name
        streams.note(f"in {file}, {names}: a block of the file's own, not the layer type of that name")
    return architecture, given_input(input or []), given_values(set or [])


def _found(name: str) -> str | Entry:
    """What `load` takes for a name; one line on standard error says if several networks bear it."""
    if name == "-":
        return name
    entry, others = zoo.look_up(name)
    if others:
        which = "the other is" if len(others) == 1 else "the others are"
        line = f"{len(others) + 1} networks are called {name}; this is the first, {which} {listed(others)}"
        streams.note(line)
    return entry


def _domain(arch: str, input: list[str] | None, set: list[str] | None, any_weights: bool) -> Domain:
    from shapecalc.analysis.domain.domain import domain
    from shapecalc.analysis.domain.generalise import in_general, sizes_of

    architecture, given, values = _read(arch, input, set)
    inputs = inputs_of(architecture, given, values)
    general = in_general(architecture, inputs, values)
    return domain(general, sizes_of(inputs, general.inputs), any_weights)


def main() -> None:
    """The entry point: the one place where errors become messages and exit codes."""
    words = [word for word in sys.argv[1:] if word != "--debug"]
    try:
        streams.prepare()
        try:
            without_collecting(app)(words)
        finally:
            sys.stdout.flush()
    except ShapecalcError as error:
        sys.exit(_report(error))
    except Exception as error:
        if not _of_the_output(error):
            sys.exit(_report_fault(error, words, traced=words != sys.argv[1:]))
        streams.silence()
        sys.exit(_report(UnavailableError(f"the output can't be written: {error.strerror}")))


def _of_the_output(error: Exception) -> TypeGuard[OSError]:
    """Whether an error is of writing: one of reading names a file."""
    return isinstance(error, OSError) and error.filename is None


def _report(error: ShapecalcError) -> int:
    streams.complain(f"error: {error}")
    return error.exit_code


def _report_fault(error: Exception, words: list[str], traced: bool) -> int:
    """What should never happen, as one line that asks for a report; with its trace, if that is wanted."""
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
    return FAULT
