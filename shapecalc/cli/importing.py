"""Networks from elsewhere: a Python target or an ONNX file becomes a file, which is proved equal to it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from shapecalc.checkpoints.rules_written import written
from shapecalc.cli.needs import ONNX, needed
from shapecalc.cli.networks import given_input
from shapecalc.cli.options import Input, write_or_print, write_whole
from shapecalc.errors import ArchitectureError, ShapecalcError, UsageError, listed, quoted
from shapecalc.render import streams
from shapecalc.zoo.index import exists

if TYPE_CHECKING:
    from shapecalc.importing.network import Imported
    from shapecalc.importing.program import Program

_INPUT = "give each by --input, as in --input 1x3x224x224 or --input ids=1x128:int64"
_TARGETS = "as in model.py:Net and package.module:function, or a file model.onnx, model.pt2 or config.json"


Target = Annotated[
    str,
    typer.Argument(
        metavar="TARGET",
        help="As in torchvision.models:resnet18, model.py:Net, model.onnx, model.pt2 or config.json.",
    ),
]
Args = Annotated[
    str, typer.Option("--args", metavar="YAML", help="What the target is called with: '{width: 64}'.")
]
File = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="FILE", help="Where the file goes; the screen unless given."),
]
NamesFile = Annotated[
    Path | None,
    typer.Option(
        "--names", metavar="FILE", help="Also write, by our path, the module's name of each weight."
    ),
]
Flat = Annotated[bool, typer.Option("--flat", help="A step for each layer, and no blocks.")]
Strict = Annotated[bool, typer.Option("--strict", help="Write no file with steps that are measured alone.")]


def import_(
    target: Target,
    input: Input = None,
    args: Args = "",
    output: File = None,
    names: NamesFile = None,
    flat: Flat = False,
    strict: Strict = False,
) -> None:
    """A torch module, an ONNX model or an exported program as a file, proved equal to it.

    This command and diff run a Python target's own code, and no other does.
    Files are read as data; a config.json of Hugging Face transformers is a
    network of one of the zoo's families.
    """
    if Path(target).suffix == ".json":
        _of_config(Path(target), output, bool(input or args or names or flat or strict))
        return
    found = equal_network(target, given_input(input or []), args, flat, strict)
    write_or_print(found.text, output)
    if names:
        write_whole(names, written(found.names))
    _tell(found, target)
    raise typer.Exit(int(bool(found.opaque)))


def _tell(found: Imported, target: str) -> None:
    """On standard error the network's figures, and what of it is measured alone."""
    totals = found.totals
    least = "at least " if totals.uncounted else ""
    figures = f"{totals.params:,} parameters, {least}{totals.macs:,} MACs"
    streams.note(f"{target}: {figures}, layer by layer as in {found.origin}")
    for call in found.opaque:
        streams.complain(f"{call}; the file has it as opaque, with figures that were measured")


def _of_config(path: Path, output: Path | None, more: bool) -> None:
    """The network that a configuration is: a note which it is, and the command that shows it."""
    from shapecalc.engine.run import analyse
    from shapecalc.importing.config_json import configured
    from shapecalc.importing.config_written import as_file

    if more:
        raise UsageError("a config.json is read as it is", hint="-o writes the network as a file")
    found = configured(path)
    params = analyse(found.architecture, parameters=found.settings).totals.params
    streams.note(f"{path}: {found.variant or f'a network of {found.file}'}, {params:,} parameters")
    if found.window is not None:
        streams.note(f"its window of {found.window:,} tokens is left out: serve counts what is kept of all")
    print(found.command)
    if output:
        write_whole(output, as_file(found))


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


def is_elsewhere(name: str) -> bool:
    """Whether a name is that of an ONNX file or of a Python target, and of no file with a network."""
    where, colon, _ = name.rpartition(":")
    python = where.endswith(".py") or re.fullmatch(r"[^\W\d]\w*(\.[^\W\d]\w*)*", where)
    return name.endswith((".onnx", ".pt2")) or bool(colon and python and not _is_file(name))


def _is_file(name: str) -> bool:
    return name.endswith((".yaml", ".yml")) or any(exists(Path(name + end)) for end in ("", ".yaml", ".yml"))


def equal_network(target: str, shapes: Any, args: str, flat: bool = False, strict: bool = False) -> Imported:
    """A network from elsewhere, equal to it; notes on standard error say what holds at these sizes alone.

    Unless `strict`, steps that no layer type here does are in it as measured.

    Raises:
        UsageError: there is no such target, or what stands beside it is not for it.
        ArchitectureError: it can't be read, or the figures of its file are others.
    """
    from shapecalc.importing.network import imported

    found = imported(_program(target, shapes, _arguments(args)), flat, strict)
    if found.differences:
        raise _different(found)
    for said in found.fixed:
        streams.note(f"holds at this size only: {said}")
    if found.lost:
        said = listed([*dict.fromkeys(found.lost)], 3)
        streams.note(f"zeros stand for constants whose values are not in the file: {said}")
    if found.unread:
        streams.note(f"buffers that no layer reads are not in the file: {listed(found.unread, 3)}")
    return found


def _program(target: str, shapes: Any, arguments: dict[str, Any]) -> Program:
    """What is to become a file: read from one, or traced."""
    if read := {".onnx": _of_onnx, ".pt2": _of_exported}.get(Path(target).suffix):
        if arguments:
            raise UsageError("--args is what a Python target is called with; a file takes none")
        return read(Path(target), shapes)
    if ":" not in target:
        raise UsageError(
            f"{quoted(target)} is no Python target, and no file that import reads", hint=_TARGETS
        )
    if not shapes:
        raise UsageError("the shapes of the inputs are needed", hint=_INPUT)
    return _traced(target, shapes, arguments)


def _of_exported(path: Path, shapes: Any) -> Program:
    with needed():
        from shapecalc.importing.exported.reading import read_exported
    return read_exported(path, shapes)


def _of_onnx(path: Path, shapes: Any) -> Program:
    with needed("onnx", ONNX):
        from shapecalc.importing.onnx_file.reader import read_onnx
    return read_onnx(path, shapes)


def _traced(target: str, shapes: Any, arguments: dict[str, Any]) -> Program:
    with needed():
        from shapecalc.importing.runs import read_at_sizes
        from shapecalc.importing.targets import own_modules, run
        from shapecalc.importing.torch_module import sample_inputs
    with own_modules():
        inputs, keywords = sample_inputs(shapes)
        name = target.rpartition(":")[2]
        return run(target, arguments, lambda module: read_at_sizes(module, inputs, keywords, name))


def _different(found: Imported) -> ShapecalcError:
    first = found.differences[0]
    for difference in found.differences[:20]:
        streams.complain(
            f"{difference.path}: {difference.what}: {difference.here}, in {found.origin} {difference.there}"
        )
    where = f", {first.place}" if first.place else ""
    return ArchitectureError(f"the file differs from the module in {len(found.differences)} figures{where}")
