"""`sweep`: a network at many points, for Python."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from shapecalc.analysis.sweep.checks import check
from shapecalc.analysis.sweep.choice import read_choice
from shapecalc.analysis.sweep.conditions import no_column
from shapecalc.analysis.sweep.figures import FIGURES, Terms
from shapecalc.analysis.sweep.parallel import Workers, computed
from shapecalc.analysis.sweep.points import Axis, Point, Sweep
from shapecalc.analysis.sweep.ranges import axis_values, refuse_twice
from shapecalc.engine.inputs import Given
from shapecalc.errors import UsageError
from shapecalc.language.architecture import Architecture


def sweep(
    networks: Architecture | Mapping[str, Architecture],
    input: Given = None,
    *,
    set: Mapping[str, str | Iterable[object]] | None = None,
    vary: Mapping[str, str | Iterable[object]] | None = None,
    columns: Sequence[str] = ("params", "macs"),
    where: Sequence[str] = (),
    zipped: bool = False,
    dtype: str = "float32",
    optimizer: str = "sgd",
    jobs: int = 1,
    scheduler: str | None = None,
) -> Iterator[Point]:
    """The points of a sweep, one by one as they are asked for; `to_dict` of each is a row for a frame.

    Args:
        networks: one, or several by their names, such as the variants of a file.
        input: as for `analyse`; its letters are what `vary` gives sizes.
        set: values for parameters of the file, by name; as text, `"32..128:8"`, or one by one.
        vary: sizes for letters, by name, likewise.
        columns: the figures that are wanted: params, trainable, buffers, macs, flops, weights, output,
            receptive, peak, training, saved.
        where: comparisons that all must be true, as `"macs <= 600M"`.
        zipped: take the values of all axes side by side, in place of each with each.
        dtype: what float32 is, in bytes.
        optimizer: what updates the parameters in training, by its name in `memory`.
        jobs: processes that compute, as many as there are cores if 0; a script that has more than one
            begins under `if __name__ == "__main__"`.
        scheduler: the address of a Dask cluster whose workers compute in their place.

    Raises:
        UsageError: an axis, a value, a column or a comparison is wrong at every point. What is wrong at
            one point is the `error` of that point.
        UnavailableError: joblib or Dask is needed and is not installed, or the cluster can't be reached.
    """
    axes = [
        *(axis_of(name, values, "--set") for name, values in (set or {}).items()),
        *(axis_of(name, values, "--vary", letter=True) for name, values in (vary or {}).items()),
    ]
    choice = read_choice(axes, where)
    named = {networks.name: networks} if isinstance(networks, Architecture) else networks
    swept = Sweep(
        named, input, axes, figures_of(columns, axes, choice.columns), zipped, terms=Terms(dtype, optimizer)
    )
    check(swept)
    return choice.kept(computed(swept, Workers(jobs, scheduler)))


def axis_of(name: str, values: str | Iterable[object], option: str, letter: bool = False) -> Axis:
    """An axis of values given as text or one by one."""
    what = f"{option} {name}"
    if isinstance(values, str):
        return Axis(name, axis_values(values, what), letter)
    found = tuple(tuple(value) if isinstance(value, list) else value for value in values)
    if not found:
        raise UsageError(f"{what} has no values")
    refuse_twice(found, what)
    return Axis(name, found, letter)


def figures_of(columns: Sequence[str], axes: Sequence[Axis], deciding: Sequence[str]) -> list[str]:
    """The figures that are wanted, and those among the columns that decide which points are kept, each once.

    Raises:
        UsageError: one is none.
    """
    names = [column.strip().lower() for column in columns if column.strip()]
    if not names:
        raise UsageError("--columns: at least one is needed", hint=f"columns: {', '.join(FIGURES)}")
    for name in names:
        if name not in FIGURES:
            raise no_column("--columns", name, FIGURES)
    others = {axis.name for axis in axes}
    return list(dict.fromkeys([*names, *(one for one in deciding if one in FIGURES and one not in others)]))
