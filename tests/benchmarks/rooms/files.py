"""Files that others have written: models, ONNX, checkpoints; and the proof in torch."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from tests.benchmarks.measuring import (
    SHAPECALC,
    START,
    NotMeasuredError,
    Room,
    Row,
    compared,
    in_turn,
    process,
    used,
    user_seconds,
)
from tests.checkpoints import llama, sharded_holes

room = Room("files")
_FOLDER = Path(__file__).parents[1]


@room.row(seconds=60)
def verify() -> Row:
    ours = process(*SHAPECALC, "verify", "resnet18", "--device", "cpu")
    times = in_turn(ours, process(sys.executable, str(_FOLDER / "resnet18_torch.py")), 7)
    return compared("`verify resnet18 --device cpu` against a forward in torch", times, "≤ 1.5 ×", digits=2)


@room.row(seconds=120)
def verify_largest() -> Row:
    """All layers of a network of 671 billion parameters, whose weights torch has on `meta`."""
    process = used(*SHAPECALC, "verify", "llm/deepseek-v3", "--device", "meta")
    cost = f"{process.seconds:.1f} s, {process.mebibytes:,.0f} MiB"
    what = "`verify llm/deepseek-v3 --device meta`, user time"
    return Row(what, cost, "", f"exit code {process.code}", "< 60 s, 2,048 MiB")


@room.row(seconds=30)
def onnx() -> Row:
    """A file of ResNet-50 with its weights, 98 MiB, against the import of onnx."""
    from tests.importing.onnx_models.resnet import write

    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder, "resnet50.onnx"))
        ours = process(*SHAPECALC, "import", str(path))
        times = in_turn(ours, process(sys.executable, "-c", "import onnx"), 7)
    return compared("`import resnet50.onnx` against `import onnx`", times, "< 1 s")


def of_checkpoint(what: str, command: Sequence[str], aim: str) -> Row:
    """A command on the headers of Llama 2 70B in 15 files, whose 138 GB are holes; FOLDER is theirs."""
    with tempfile.TemporaryDirectory() as folder:
        sharded_holes(Path(folder), llama(80, 8192, 1024, 28672, 32000), 15)
        ours = process(*SHAPECALC, *(folder if word == "FOLDER" else word for word in command))
        times = in_turn(ours, process(*START), 7)
    what = f"`{what}` of 138 GB in 15 files against the interpreter's start"
    return compared(what, times, aim, digits=0)


_SIZES = ("words=32000", "width=8192", "hidden=28672", "heads=64", "shared=8", "depth=80")
_70B = ("llm/smollm2-135m", *(word for size in _SIZES for word in ("--set", size)))
_LISTED = ("params", "FOLDER", "--depth", "2")
_HELD = ("verify", *_70B, "--weights", "FOLDER")
room.add("params_of_checkpoint", 20, partial(of_checkpoint, "params", _LISTED, "< 1,000 ms"))
room.add("verify_checkpoint", 30, partial(of_checkpoint, "verify --weights", _HELD, ""))


def imported(what: str, source: str, given: str, bare: str, aim: str) -> Row:
    """User seconds of `import`, and of importing the libraries and building the same on `meta`."""
    if find_spec("torchvision") is None or find_spec("transformers") is None:
        raise NotMeasuredError("it needs pip install '.[models]'")
    ours = user_seconds(*SHAPECALC, "import", source, "--input", given)
    return compared(what, (ours, user_seconds(sys.executable, "-c", bare)), aim)


for model, aim in (("resnet50", "≤ 2.5 ×"), ("densenet201", "< 6 s")):
    source = f"torchvision.models:{model}"
    what = f"`import {source}` against torchvision and a build on meta, user time"
    bare = f"import torch, torchvision\nwith torch.device('meta'): torchvision.models.{model}()"
    room.add(f"import_{model}", 60, partial(imported, what, source, "1x3x224x224", bare, aim))


@room.row(seconds=90)
def import_llama() -> Row:
    what = "`import` of Llama 2 7B from its configuration against torch and transformers, user time"
    source, given = f"{_FOLDER / 'llama_7b.py'}:llama", "input_ids=1x128:int64"
    return imported(what, source, given, "import torch, transformers", "< 15 s")
