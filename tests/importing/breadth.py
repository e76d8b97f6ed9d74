"""How many published models `import` reads: for each, the lines of its file, or what stands in the way.

python -m tests.importing.breadth torchvision [NAME …]     all of tests/importing/published.py, or those named
python -m tests.importing.breadth timm
python -m tests.importing.breadth all                      those of the three packages, at several sizes
python -m tests.importing.breadth transformers
python -m tests.importing.breadth values                   whether the files of twenty compute the same

The packages are installed by `pip install -c constraints.txt '.[models]'`.
"""

from __future__ import annotations

import importlib
import sys
from collections import Counter
from typing import Any

import torch

from shapecalc.errors import ShapecalcError
from shapecalc.importing.network import Imported, imported
from shapecalc.importing.runs import read_at_sizes
from shapecalc.importing.targets import build, users_code
from tests.importing.published import BY_VALUE, PACKAGES, Inputs, Published, find
from tests.importing.values import computed, outputs, stirred


def imported_model(model: Published, module: Any = None) -> Imported:
    """The file of a model, or of a module that is one.

    Raises:
        ShapecalcError: something stands in the way.
    """
    inputs = {
        name: torch.empty(shape, dtype=getattr(torch, dtype), device="meta")
        for name, (shape, dtype) in model.inputs.items()
    }
    alone = [inputs.pop("")] if "" in inputs else []
    module = build(model.target, model.arguments) if module is None else module
    with users_code(f"running {model.name}"):
        program = read_at_sizes(module, alone, inputs, model.name)
    return imported(program)


def result(model: Published) -> tuple[bool, str]:
    """Whether a model's file is equal to it, and in how many lines; or why not."""
    try:
        found = imported_model(model)
    except ShapecalcError as error:
        return False, error.message
    if found.differences:
        return False, f"differs: {found.differences[0]}"
    return True, f"{len(found.text.splitlines())} lines"


def values_differ(model: Published, size: int | None) -> str:
    """In what a model's file and the model differ, run on images of that size; nothing if they are equal."""
    torch.manual_seed(0)
    path, _, name = model.target.partition(":")
    module = getattr(importlib.import_module(path), name)(**model.arguments).eval()
    found = imported_model(model, module)
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


def breadth(package: str, names: list[str]) -> None:
    """Print the result of each model, and how many of each kind are equal."""
    equal: Counter[str] = Counter()
    total: Counter[str] = Counter()
    for model in PACKAGES[package]():
        if names and model.name not in names:
            continue
        good, said = result(model)
        total[model.kind] += 1
        equal[model.kind] += good
        print(f"{'equal' if good else 'MISSING'}  {model.kind}, {model.name}: {said}", flush=True)
    for kind, count in total.items():
        print(f"{kind}: {equal[kind]} of {count} are equal")


def values(names: list[str]) -> None:
    """Print for each of `BY_VALUE` whether its file computes the same."""
    for package, models in BY_VALUE.items():
        for name, size in models.items():
            if not names or name in names:
                said = values_differ(find(package, name), size)
                print(f"{said or 'the same to the last bit'}: {name}", flush=True)


def main() -> None:
    first, *names = sys.argv[1:]
    if first == "values":
        values(names)
        return
    for package in PACKAGES if first == "all" else (first,):
        breadth(package, names)


if __name__ == "__main__":
    main()
