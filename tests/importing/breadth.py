"""How many published models `import` reads: for each, the lines of its file, or what stands in the way.

python -m tests.importing.breadth torchvision [NAME …]     all of tests/importing/published.py, or those named
python -m tests.importing.breadth timm
python -m tests.importing.breadth transformers

A package that is not installed can't be measured; it is no part of the tests.
"""

from __future__ import annotations

import sys
from collections import Counter

import torch

from shapecalc.errors import ShapecalcError
from shapecalc.importing.network import imported
from shapecalc.importing.runs import read_at_sizes
from shapecalc.importing.targets import build, users_code
from tests.importing.published import PACKAGES, Published


def result(model: Published) -> tuple[bool, str]:
    """Whether a model's file is equal to it, and in how many lines; or why not."""
    inputs = {
        name: torch.empty(shape, dtype=getattr(torch, dtype), device="meta")
        for name, (shape, dtype) in model.inputs.items()
    }
    alone = [inputs.pop("")] if "" in inputs else []
    try:
        module = build(model.target, model.arguments)
        with users_code(f"running {model.name}"):
            program = read_at_sizes(module, alone, inputs, model.name)
        found = imported(program)
    except ShapecalcError as error:
        return False, error.message
    if found.differences:
        return False, f"differs: {found.differences[0]}"
    return True, f"{len(found.text.splitlines())} lines"


def main() -> None:
    package, *names = sys.argv[1:]
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


if __name__ == "__main__":
    main()
