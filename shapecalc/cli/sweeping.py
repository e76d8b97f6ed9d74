"""Networks at many points: parameters and sizes over ranges."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from shapecalc.cli.networks import all_of, assignments, given_input, settings
from shapecalc.cli.options import Ascii, Input, Output, write_or_print, write_or_print_grid
from shapecalc.cli.training import OptimizerName
from shapecalc.errors import UsageError
from shapecalc.language.architecture import Architecture
from shapecalc.render import streams

if TYPE_CHECKING:
    from shapecalc.analysis.sweep.choice import Choice
    from shapecalc.analysis.sweep.joined import Joined
    from shapecalc.analysis.sweep.parallel import Workers
    from shapecalc.analysis.sweep.points import Axis, Point, Sweep
    from shapecalc.cli.sweep_files import Target
    from shapecalc.render.sweep import Rows

_ROW_BY_ROW = ("csv", "json")
"""Forms that are written as rows come."""
Swept = Annotated[list[str], typer.Argument(metavar="ARCH...", help="YAML files, or names of the zoo.")]
Values = Annotated[
    list[str] | None,
    typer.Option(
        "--set", "-s", metavar="NAME=VALUES", help="Of a parameter: 32..128:8 or 18,34; repeatable."
    ),
]
Sizes = Annotated[
    list[str] | None,
    typer.Option(metavar="LETTER=VALUES", help="Sizes for a letter of the input; repeatable."),
]
Variants = Annotated[bool, typer.Option("--variants", help="Of a file, each of its variants, too.")]
Zipped = Annotated[bool, typer.Option("--zip", help="Values side by side, in place of each with each.")]
Columns = Annotated[
    str, typer.Option(metavar="A,B,…", help="Figures, such as peak, training, receptive, output.")
]
Where = Annotated[
    list[str] | None,
    typer.Option(metavar="COMPARISON", help="Only points as 'macs <= 600M'; repeatable."),
]
Pareto = Annotated[
    str | None,
    typer.Option(metavar="A,B,…", help="Mark what no point is better than: the less the better; A:max."),
]
Sort = Annotated[
    str | None, typer.Option(metavar="COLUMN", help="The least first; COLUMN:desc for the largest.")
]
Dtype = Annotated[Literal["float32", "bfloat16", "float16"], typer.Option(help="What float32 is, in bytes.")]
Join = Annotated[
    Path | None,
    typer.Option(metavar="FILE.csv", help="Columns of your own, such as accuracies, beside the figures."),
]
On = Annotated[str, typer.Option(metavar="COLUMN", help="With --join, the column that both have.")]

Written = Annotated[
    Literal["table", "json", "csv", "markdown", "svg"],
    typer.Option("--format", "-f", help="The form of the output; svg is a plot."),
]
Across = Annotated[
    str | None,
    typer.Option("--x", metavar="COLUMN", help="Of a plot, what goes across: a figure or what is varied."),
]
Upwards = Annotated[str | None, typer.Option("--y", metavar="COLUMN", help="Of a plot, what goes upwards.")]
Log = Annotated[
    Literal["x", "y", "xy", "none"] | None,
    typer.Option(help="Of a plot, which axes are logarithmic; unless told, those of wide ranges."),
]
Resume = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Go on in a file, CSV or JSON, in which a sweep was broken off."),
]
_WORKERS = "Who computes"
Jobs = Annotated[
    int,
    typer.Option(
        min=0, metavar="N", rich_help_panel=_WORKERS, help="So many processes; 0 for as many as cores."
    ),
]
Scheduler = Annotated[
    str | None,
    typer.Option(metavar="tcp://HOST:PORT", rich_help_panel=_WORKERS, help="The workers of a Dask cluster."),
]


def sweep(
    ctx: typer.Context,
    archs: Swept,
    set: Values = None,
    input: Input = None,
    vary: Sizes = None,
    variants: Variants = False,
    zipped: Zipped = False,
    columns: Columns = "params,macs",
    where: Where = None,
    pareto: Pareto = None,
    sort: Sort = None,
    dtype: Dtype = "float32",
    optimizer: OptimizerName = None,
    join: Join = None,
    on: On = "name",
    format: Written = "table",
    x: Across = None,
    y: Upwards = None,
    log: Log = None,
    output: Output = None,
    resume: Resume = None,
    jobs: Jobs = 1,
    scheduler: Scheduler = None,
    ascii: Ascii = False,
) -> None:
    """Networks at many points: parameters and sizes over ranges, with the figures of each."""
    from shapecalc.analysis.sweep.checks import check
    from shapecalc.analysis.sweep.choice import read_choice
    from shapecalc.analysis.sweep.figures import Terms
    from shapecalc.analysis.sweep.points import Sweep
    from shapecalc.analysis.sweep.sweep import figures_of
    from shapecalc.cli.sweep_files import record_of
    from shapecalc.render.sweep import Rows

    _refuse_axes(format, {"--x": x, "--y": y, "--log": log})
    axes = _axes(set or [], vary or [])
    joined = _joined(join, on, axes)
    choice = read_choice(axes, where or [], pareto, sort, joined.columns if joined else ())
    wanted = figures_of(columns.split(","), axes, [*choice.columns, *filter(None, (x, y))])
    terms = Terms(dtype, optimizer or "sgd")
    swept = Sweep(_networks(archs, variants), given_input(input or []), axes, wanted, zipped, joined, terms)
    check(swept)
    target = _target(output, resume, format, choice, record_of(ctx, swept), swept)
    with _points(swept, _workers(jobs, scheduler), target, format) as points:
        rows = Rows(swept, choice, points)
        _write(rows, format, target, (x, y, log))
    raise typer.Exit(int(rows.all_failed and not target.begun.some_known))


def _refuse_axes(format: str, given: Mapping[str, str | None]) -> None:
    """Refuse what is said of a plot where there is none."""
    for option, value in given.items():
        if value is not None and format != "svg":
            raise UsageError(f"{option} is of plots, and --format is {format}", hint="--format svg")


def _axes(set: list[str], vary: list[str]) -> list[Axis]:
    """What is varied: parameters by --set, letters of the input by --vary."""
    from shapecalc.analysis.sweep.sweep import axis_of

    parameters, sizes = assignments(set, "--set"), assignments(vary, "--vary")
    return [
        *(axis_of(name, text, "--set") for name, text in parameters.items()),
        *(axis_of(name, text, "--vary", letter=True) for name, text in sizes.items()),
    ]


def _networks(archs: list[str], variants: bool) -> dict[str, Architecture]:
    """The networks by the names that they are asked for, of a file all variants where those are wanted."""
    found: dict[str, Architecture] = {}
    for arch in archs:
        if arch in found:
            raise UsageError(f"{arch} is given twice")
        named = all_of([arch]) if variants else {arch: arch}
        found.update({name: settings(network, None, None)[0] for name, network in named.items()})
    return found


def _joined(file: Path | None, on: str, axes: Sequence[Axis]) -> Joined | None:
    """The columns of a file, which are joined by the network's name or by what is varied."""
    if file is None:
        return None
    from shapecalc.analysis.sweep.figures import FIGURES
    from shapecalc.analysis.sweep.joined import read_joined
    from shapecalc.zoo.files import text_of

    own = ["name", *(axis.name for axis in axes)]
    return read_joined(text_of(file), str(file), on, own, [*own, *FIGURES, "note", "error", "pareto"])


def _workers(jobs: int, scheduler: str | None) -> Workers:
    """Who computes: processes of this machine or a cluster, not both."""
    from shapecalc.analysis.sweep.parallel import Workers

    if scheduler is not None and jobs != 1:
        raise UsageError(
            "--jobs and --scheduler are two ways to compute: one is needed",
            hint="a cluster's processes are those that its workers have",
        )
    return Workers(jobs, scheduler)


def _target(
    output: Path | None,
    resume: Path | None,
    form: str,
    choice: Choice,
    record: Mapping[str, str],
    swept: Sweep,
) -> Target:
    """Where the rows go; with --resume, a file in which some are already."""
    from shapecalc.cli.sweep_files import Target, going_on

    if resume is None:
        return Target(output, record)
    if output is not None:
        raise UsageError("-o and --resume both name the file that rows go to: one is needed")
    if form not in _ROW_BY_ROW or not choice.at_once:
        raise UsageError(
            f"--resume {resume}: only rows that are written as they come can be gone on with",
            hint="with --format csv or json, and without --pareto and --sort",
        )
    return going_on(resume, form, swept, record)


@contextmanager
def _points(swept: Sweep, workers: Workers, target: Target, form: str) -> Iterator[Iterator[Point]]:
    """The points as they are computed, with a bar on a terminal unless the rows are seen as they come.

    An interrupt goes through what is open: it ends other processes, and gives the terminal its cursor back.
    """
    from shapecalc.analysis.sweep.parallel import computed
    from shapecalc.pause_gc import collect_again
    from shapecalc.render.progress import with_bar

    collect_again()  # each point that is analysed leaves some objects that refer to each other
    start = target.begun.number
    with streams.interrupts_raised(), closing(computed(swept, workers, start)) as points:
        if form in _ROW_BY_ROW and target.file is None:
            yield points
            return
        with closing(with_bar(points, "Sweeping", swept.size, start)) as shown:
            yield shown


def _write(rows: Rows, form: str, target: Target, ends: tuple[str | None, str | None, str | None]) -> None:
    """Rows as they come, where the form has no need of all of them; else a table or a plot."""
    if form in _ROW_BY_ROW:
        _write_rows(rows, form, target)
    elif form == "svg":
        from shapecalc.render.sweep_plot import read_ends, sweep_plot

        write_or_print(sweep_plot(rows, read_ends(*ends, rows.swept)).svg(), target.file)
    else:
        from shapecalc.render.sweep import sweep_grid

        write_or_print_grid(sweep_grid(rows), form, target.file)


def _write_rows(rows: Rows, form: str, target: Target) -> None:
    from shapecalc.cli.sweep_files import rows_file
    from shapecalc.render.sweep import write_csv, write_json

    with rows_file(target, lasting=rows.choice.at_once) as file:
        (write_csv if form == "csv" else write_json)(rows, file, goes_on=target.begun.size > 0)
    if rows.unknown:
        streams.note(rows.unknown_note)
