"""A network beside a checkpoint: what `verify --weights` does."""

from __future__ import annotations

from pathlib import Path

from shapecalc.cli.networks import analysed
from shapecalc.cli.options import write_whole
from shapecalc.errors import UsageError, nearest


def verify_weights(
    archs: list[str] | None,
    input: list[str] | None,
    set: list[str] | None,
    file: str,
    names: Path | None,
    write_names: Path | None,
    dtype: str | None,
    form: str,
) -> int:
    """Compare, and print what differs; gives the exit code.

    Raises:
        UsageError: there are several networks, a file can't be read or written, or the names can't be told.
    """
    from shapecalc.analysis.compare.weights import compare, proposed_names
    from shapecalc.checkpoints.reading import read
    from shapecalc.checkpoints.rules_written import folded, written
    from shapecalc.engine.run import whole
    from shapecalc.language.weight_names import parse_names
    from shapecalc.render.weights import print_comparison
    from shapecalc.zoo.files import text_of

    if len(archs or ()) != 1:
        raise UsageError("--weights is for one network", hint="name it: shapecalc verify ARCH --weights FILE")
    _check_dtype(dtype)
    checkpoint = read(file)
    analysis = whole(analysed((archs or [""])[0], input, set), "verify --weights")
    known = parse_names(text_of(names), str(names)) if names else analysis.architecture.names
    found = compare(analysis, checkpoint, known, dtype)
    print_comparison(found, form)
    if write_names:
        write_whole(write_names, written(folded(proposed_names(found))))
    return int(not found.agrees)


def _check_dtype(dtype: str | None) -> None:
    from shapecalc.analysis.compare.weights import is_floating
    from shapecalc.checkpoints.tensors import BITS

    if dtype is not None and (dtype not in BITS or not is_floating(dtype)):
        known = [name for name in BITS if is_floating(name)]
        hint = nearest(dtype, known) or "as in float16 or bfloat16"
        raise UsageError(f"--dtype {dtype!r} is no dtype of floating point", hint=hint)
