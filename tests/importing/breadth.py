"""How many published models `import` reads: for each, the lines of its file, or what stands in the way.

python -m tests.importing.breadth all                      all of tests/importing/published.py, and a table
python -m tests.importing.breadth torchvision [NAME …]     of one package all, or those named
python -m tests.importing.breadth timm
python -m tests.importing.breadth transformers
python -m tests.importing.breadth values                   whether the files of twenty compute the same

The packages are installed by `pip install -c constraints.txt '.[models]'`. A line is printed when a model is
done, with its seconds of processor time. A run that was broken off goes on with `--after FILE`, its output.
"""

from __future__ import annotations

import importlib
import re
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections import Counter
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from time import process_time
from typing import Any

import torch

from shapecalc.errors import ShapecalcError
from shapecalc.importing.network import Imported, imported
from shapecalc.importing.program import Program
from shapecalc.importing.runs import read_at_sizes
from shapecalc.importing.targets import build, users_code
from tests.importing.published import BY_VALUE, PACKAGES, Inputs, Published, find
from tests.importing.values import computed, outputs, stirred

EQUAL, AT_ONE, MISSING = "equal", "at one size", "MISSING"
TITLES = {
    "classification": "torchvision, classification",
    "segmentation": "torchvision, segmentation",
    "detection backbone": "torchvision, backbones of detectors",
    "video": "torchvision, video",
    "timm": "timm, the smallest of each module and of further families",
    "transformers, eager": "transformers, small configurations, attention written out",
    "transformers, sdpa": "transformers, the same, attention as one function",
}
"""By their kind, which models a row of the table is of."""


def imported_model(model: Published, module: Any = None) -> Imported:
    """The file of a model, or of a module that is one.

    Raises:
        ShapecalcError: something stands in the way.
    """
    return imported(program_of(model, module))


def program_of(model: Published, module: Any = None) -> Program:
    """What a model computes, read at its inputs and, where it takes them, at others."""
    inputs = {
        name: torch.empty(shape, dtype=getattr(torch, dtype), device="meta")
        for name, (shape, dtype) in model.inputs.items()
    }
    alone = [inputs.pop("")] if "" in inputs else []
    module = build(model.target, model.arguments) if module is None else module
    with users_code(f"running {model.name}"):
        return read_at_sizes(module, alone, inputs, model.name)


def result(model: Published) -> tuple[str, str]:
    """Whether a model's file is equal to it, at which sizes, and its lines; or what stands in the way."""
    try:
        program = program_of(model)
        found = imported(program)
    except ShapecalcError as error:
        return MISSING, error.message
    except Exception as error:  # a fault of ours is a result, too: the models after it are read all the same
        return MISSING, f"{type(error).__name__}: {error}"
    if found.differences:
        return MISSING, f"differs: {found.differences[0]}"
    lines = f"{len(found.text.splitlines())} lines"
    if found.fixed:
        return AT_ONE, f"{lines}; at this size only: {'; '.join(found.fixed)}"
    return (EQUAL, lines) if program.runs else (AT_ONE, f"{lines}; it runs at this size only")


def with_weights(model: Published) -> Any:
    """The module of a model, as it is made."""
    torch.manual_seed(0)
    path, _, name = model.target.partition(":")
    return getattr(importlib.import_module(path), name)(**model.arguments).eval()


def values_differ(model: Published, module: Any, found: Imported) -> str:
    """In what a model's file and its module differ, run on images of its size; nothing if they are equal."""
    size = next(models[model.name] for models in BY_VALUE.values() if model.name in models)
    inputs = sample(model.inputs, size)
    theirs = outputs(stirred(module), inputs)
    for ours in computed(found, module, inputs):
        if not any(torch.equal(ours, other) for other in theirs):
            return f"an output of {tuple(ours.shape)} is none of theirs, to the last bit"
    return ""


def sample(inputs: Inputs, size: int | None) -> dict[str, Any]:
    """Inputs by chance; whole numbers are small, as those of a vocabulary."""

    def one(shape: tuple[int, ...], dtype: str) -> Any:
        if dtype == "int64":
            return torch.ones(shape, dtype=torch.int64) + torch.randint(0, 2, shape)
        return torch.randn(shape if size is None else (*shape[:2], size, size), dtype=torch.float64)

    return {name: one(*spec) for name, spec in inputs.items()}


def breadth(package: str, names: list[str], before: str) -> Iterator[tuple[str, str]]:
    """Of each model its kind and how its file is, which is printed; of those printed `before`, as it was."""
    for model in PACKAGES[package]():
        if names and model.name not in names:
            continue
        known = re.search(
            rf"^({EQUAL}|{AT_ONE}|{MISSING}) +{model.kind}, {model.name}: ", before, re.MULTILINE
        )
        if known:
            yield model.kind, known[1]
            continue
        begun = process_time()
        how, said = result(model)
        spent = process_time() - begun
        print(f"{how:{len(MISSING)}}  {model.kind}, {model.name}: {said}, {spent:.1f} s", flush=True)
        yield model.kind, how


def table(found: Sequence[tuple[str, str]]) -> str:
    """The table of docs/commands/import.md: of each kind how many files are equal, and at which sizes."""
    rows = ["| models | equal | at several sizes | of |", "|---|---|---|---|"]
    for kind in dict.fromkeys(kind for kind, _ in found):
        of = Counter(how for other, how in found if other == kind)
        package, words = TITLES[kind].split(",", 1)
        title = f"{package} {version(package)},{words}"
        rows.append(f"| {title} | {of[EQUAL] + of[AT_ONE]} | {of[EQUAL]} | {of.total()} |")
    return "\n".join(rows)


def values(names: list[str]) -> None:
    """Print for each of `BY_VALUE` whether its file computes the same."""
    for package, models in BY_VALUE.items():
        for name in models:
            if not names or name in names:
                model = find(package, name)
                module = with_weights(model)
                said = values_differ(model, module, imported_model(model, module))
                print(f"{said or 'the same to the last bit'}: {name}", flush=True)


def main() -> None:
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["all", *PACKAGES, "values"])
    parser.add_argument("names", nargs="*")
    parser.add_argument("--after", type=Path)
    given = parser.parse_args()
    if given.what == "values":
        values(given.names)
        return
    before = given.after.read_text() if given.after else ""
    packages = PACKAGES if given.what == "all" else (given.what,)
    print(table([one for package in packages for one in breadth(package, given.names, before)]))


if __name__ == "__main__":
    main()
