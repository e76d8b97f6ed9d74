"""How many published models `import` reads: for each, the lines of its file, or what stands in the way.

python -m tests.importing.breadth torchvision [NAME …]     its classification models, or those that are named
python -m tests.importing.breadth timm NAME …

A package that is not installed can't be measured; it is no part of the tests.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import torch

from shapecalc.errors import ShapecalcError
from shapecalc.importing.network import imported
from shapecalc.importing.runs import read_at_sizes as read_module
from shapecalc.importing.targets import build, users_code

_SIZES = {"inception_v3": 299, "swin_v2_t": 256, "swin_v2_s": 256, "swin_v2_b": 256}


def models(package: str, names: list[str]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """For each model its name, its target and what it is called with."""
    if package == "timm":
        yield from ((name, "timm:create_model", {"model_name": name}) for name in names)
        return
    import torchvision

    known = names or torchvision.models.list_models(module=torchvision.models)
    for name in known:
        quiet = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}
        yield name, f"torchvision.models:{name}", quiet


def result(name: str, target: str, arguments: dict[str, Any]) -> tuple[bool, str]:
    """Whether a model's file is equal to it, and in how many lines; or why not."""
    try:
        module = build(target, arguments)
        size = getattr(module, "default_cfg", {}).get("input_size", (3, *2 * [_SIZES.get(name, 224)]))
        with users_code(f"running {name}"):
            program = read_module(module, [torch.empty(1, *size, device="meta")], {}, name)
        found = imported(program)
    except ShapecalcError as error:
        return False, error.message
    if found.differences:
        return False, f"differs: {found.differences[0]}"
    return True, f"{len(found.text.splitlines())} lines"


def main() -> None:
    package, *names = sys.argv[1:]
    equal = total = 0
    for model in models(package, names):
        good, said = result(*model)
        total += 1
        equal += good
        print(f"{'equal' if good else 'MISSING'}  {model[0]}: {said}", flush=True)
    print(f"{equal} of {total} are equal")


if __name__ == "__main__":
    main()
