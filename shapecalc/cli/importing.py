"""Networks from elsewhere: a Python target becomes a file, which is proved equal to it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from shapecalc.cli.networks import given_input
from shapecalc.cli.options import Input
from shapecalc.errors import ArchitectureError, ShapecalcError, UnavailableError, UsageError
from shapecalc.pause_gc import collect_again
from shapecalc.render import streams

if TYPE_CHECKING:
    from shapecalc.importing.network import Imported

_INPUT = "give each by --input, as in --input 1x3x224x224 or --input ids=1x128:int64"


def import_(
    target: Annotated[
        str, typer.Argument(metavar="TARGET", help="As in torchvision.models:resnet18 or path/model.py:Net.")
    ],
    input: Input = None,
    args: Annotated[
        str, typer.Option("--args", metavar="YAML", help="What the target is called with: '{width: 64}'.")
    ] = "",
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Where the file goes; the screen unless given."),
    ] = None,
    names: Annotated[
        Path | None,
        typer.Option(
            "--names", metavar="FILE", help="Also write, by our path, the module's name of each weight."
        ),
    ] = None,
) -> None:
    """A torch module as a file, proved equal to it. This command alone runs the target's own Python code."""
    if not input:
        raise UsageError("the shapes of the inputs are needed", hint=_INPUT)
    found = _imported(target, given_input(input), _arguments(args))
    if found.differences:
        raise _different(found)
    _write(output, found.text)
    if names:
        lines = [f"{path}: {name}\n" for path, name in found.names.items()]
        _write(names, "".join(lines))
    totals = found.totals
    streams.note(f"{target}: {totals.params:,} parameters, {totals.macs:,} MACs, layer by layer as in torch")


def _arguments(text: str) -> dict[str, Any]:
    """The literals that `--args` has."""
    if not text:
        return {}
    import yaml

    try:
        found = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise UsageError(f"--args is not YAML: {str(error).splitlines()[0]}") from None
    if not isinstance(found, dict) or not all(isinstance(key, str) for key in found):
        raise UsageError("--args must be a mapping, as in --args '{num_classes: 10}'")
    return found


def _imported(target: str, shapes: Any, arguments: dict[str, Any]) -> Imported:
    try:
        from shapecalc.importing.network import imported
        from shapecalc.importing.targets import build, users_code
        from shapecalc.importing.torch_module import read_module, sample_inputs
    except ImportError as error:
        raise UnavailableError(f"torch can't be imported: {error}", hint="pip install torch") from None
    collect_again()  # modules and their hooks refer to each other
    module = build(target, arguments)
    inputs, keywords = sample_inputs(shapes)
    with users_code(f"running {target}"):
        program = read_module(module, inputs, keywords, target.rpartition(":")[2])
    return imported(program)


def _different(found: Imported) -> ShapecalcError:
    first = found.differences[0]
    for difference in found.differences[:20]:
        streams.complain(
            f"{difference.path}: {difference.what}: {difference.here}, in torch {difference.there}"
        )
    where = f", {first.place}" if first.place else ""
    return ArchitectureError(f"the file differs from the module in {len(found.differences)} figures{where}")


def _write(path: Path | None, text: str) -> None:
    """Write a text whole or not at all."""
    if path is None:
        print(text, end="")
        return
    part = path.with_name(path.name + ".part")
    try:
        part.write_text(text, encoding="utf-8")
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise UsageError(f"{path} can't be written: {error.strerror}") from None
