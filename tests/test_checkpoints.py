"""Headers of checkpoints against those who read the whole files: the package safetensors, and torch.load."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import safetensors
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from shapecalc.checkpoints.reading import read
from shapecalc.checkpoints.tensors import BITS, Checkpoint
from shapecalc.errors import ShapecalcError, UsageError
from tests.checkpoints import entry, safetensors_file
from tests.dice import count

DTYPES = [
    "float32 float64 float16 bfloat16 int8 int16 int32 int64 uint8 bool complex64",
    "uint16 uint32 uint64 float8_e4m3fn float8_e5m2 float8_e4m3fnuz float8_e5m2fnuz float8_e8m0fnu",
]
SHAPES = st.lists(st.integers(0, 4), max_size=4).map(tuple)
NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=12)
TENSORS = st.dictionaries(NAMES, st.tuples(SHAPES, st.sampled_from(" ".join(DTYPES).split())), max_size=6)
Drawn = dict[str, tuple[tuple[int, ...], str]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("checkpoints")


def made(drawn: Drawn) -> dict[str, Any]:
    return {name: torch.empty(shape, dtype=getattr(torch, dtype)) for name, (shape, dtype) in drawn.items()}


def said(checkpoint: Checkpoint) -> dict[str, tuple[tuple[int, ...], str]]:
    return {tensor.name: (tensor.shape, tensor.dtype) for tensor in checkpoint.tensors}


def described(tensors: dict[str, Any]) -> Drawn:
    """The same of tensors of torch."""
    return {name: (tuple(x.shape), str(x.dtype).removeprefix("torch.")) for name, x in tensors.items()}


def refusal(work: Callable[[], object]) -> str:
    with pytest.raises(UsageError) as raised:
        work()
    return str(raised.value)


# What is sound is read as its judges read it.


@given(TENSORS)
def test_a_header_says_what_was_saved(folder: Path, drawn: Drawn) -> None:
    file = folder / "drawn.safetensors"
    save_file(made(drawn), file, metadata={"format": "pt"})
    assert said(read(str(file))) == drawn
    with safetensors.safe_open(file, "pt") as judge:
        assert drawn.keys() == set(judge.keys())


@given(TENSORS)
def test_a_pickle_says_what_was_saved_in_its_order(folder: Path, drawn: Drawn) -> None:
    file = folder / "drawn.pt"
    torch.save({**made(drawn), "anchor": torch.zeros(1)}, file)
    judge = torch.load(file, weights_only=True, map_location="meta")
    assert list(said(read(str(file))).items()) == list(described(judge).items())


def module() -> Any:
    inner = torch.nn.Sequential(
        torch.nn.Conv2d(3, 8, 3), torch.nn.BatchNorm2d(8), torch.nn.Linear(8, 8).half()
    )
    return torch.nn.ModuleDict({"body": inner, "norm": torch.nn.utils.parametrizations.weight_norm(inner[2])})


STATE = module().state_dict()
FORMS: dict[str, tuple[Any, str]] = {
    "a state dict": (STATE, ""),
    "a plain dict": (dict(STATE), ""),
    "parameters": (OrderedDict(module().named_parameters()), ""),
    "of a training": (
        {"epoch": 3, "state_dict": STATE, "optimizer": {"state": {0: STATE}, "lr": 0.1}},
        "state_dict",
    ),
    "of DeiT": (
        {"model": dict(STATE), "scaler": None, "args": {"lr": 1.5, "device": torch.device("cpu")}},
        "model",
    ),
    "twice within": (
        {"model": {"state_dict": STATE, "step": 2**40}, "size": torch.Size([3])},
        "model.state_dict",
    ),
    "under a word of its own": (
        {"ema_weights": STATE, "note": "text", "flags": [True, None, b"x"]},
        "ema_weights",
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_the_weights_are_found_beside_what_else_a_file_holds(tmp_path: Path, form: str) -> None:
    value, part = FORMS[form]
    torch.save(value, tmp_path / "net.pth")
    found = read(str(tmp_path / "net.pth"))
    expected = (
        described(torch.load(tmp_path / "net.pth", weights_only=True)) if not part else described(STATE)
    )
    assert (found.part, list(said(found).items())) == (part, list(expected.items()))


def test_a_tensor_with_two_names_is_counted_once(tmp_path: Path) -> None:
    tied = torch.zeros(3, 4)
    torch.save({"a": tied, "b": tied, "part": tied[1:], "turned": tied.t()}, tmp_path / "tied.pt")
    found = read(str(tmp_path / "tied.pt"))
    assert [tensor.tied_to for tensor in found.tensors] == ["", "a", "", ""]
    assert sum(tensor.bytes for tensor in found.own) == 48 + 32 + 48


@pytest.mark.skipif(not os.access("/proc/self/io", os.R_OK), reason="nothing counts what a process reads")
@pytest.mark.parametrize("save", [torch.save, save_file])
def test_no_weight_is_read_and_torch_is_not_imported(tmp_path: Path, save: Callable[..., None]) -> None:
    """By what the system says that the process has read, without what the same process reads to start."""
    file = tmp_path / f"net.{'pt' if save is torch.save else 'safetensors'}"
    save({"weight": torch.zeros(100_000)}, file)
    code = (
        "import sys; from shapecalc.checkpoints.reading import read; print(read(sys.argv[1]).tensors[0]);"
        "print(sorted({'torch', 'yaml', 'pickle', 'zipfile', 'safetensors', 'numpy'} & sys.modules.keys()))"
        "; print(int(open('/proc/self/io').read().split('rchar: ')[1].split()[0]))"
    )
    before = f"{code}".replace("print(read(sys.argv[1]).tensors[0])", "print('')")
    ran = [
        subprocess.run(
            [sys.executable, "-c", text, str(file)], check=True, capture_output=True, text=True
        ).stdout
        for text in (code, before)
    ]
    (tensor, heavy, characters), (_, _, without) = (text.splitlines() for text in ran)
    assert (tensor, heavy) == ("[100000] float32", "[]")
    assert int(characters) - int(without) < 100_000, "of 400,000 bytes of weights"


def test_bits_are_torchs() -> None:
    for dtype, bits in BITS.items():
        if hasattr(torch, dtype):
            assert getattr(torch, dtype).itemsize * 8 == bits, dtype


# A changed header is refused where the package refuses it, and read the same where not.


def judged(file: Path) -> Drawn | None:
    """What the package says of a file, None where it refuses it."""
    names = {"F32": "float32", "I64": "int64", "U8": "uint8", "BF16": "bfloat16", "F4": "float4_e2m1fn"}
    try:
        with safetensors.safe_open(file, "np") as judge:
            slices = {name: judge.get_slice(name) for name in judge.keys()}  # noqa: SIM118  # it is no mapping
            shaped = {name: (tuple(s.get_shape()), s.get_dtype()) for name, s in slices.items()}
    except (safetensors.SafetensorError, OSError, ValueError, MemoryError):
        return None
    return {name: (shape, names.get(dtype, dtype)) for name, (shape, dtype) in shaped.items()}


def ours(file: Path) -> Drawn | None:
    try:
        return said(read(str(file)))
    except ShapecalcError:
        return None


@st.composite
def headers(draw: st.DrawFn) -> bytes:
    """Headers that are nearly true: numbers moved by a little, parts left out, doubled or exchanged."""
    entries: dict[str, Any] = {}
    end = 0
    for name in draw(st.lists(st.sampled_from("abc"), unique=True)):
        shape = draw(st.lists(st.integers(0, 3), max_size=3))
        dtype, size = draw(
            st.sampled_from([("F32", 4), ("I64", 8), ("U8", 1), ("BF16", 2), ("F33", 4), ("F4", 1)])
        )
        held = size * torch.Size(shape).numel()
        start = end + draw(st.sampled_from([0] * 9 + [-1, 1, -8, 2**63]))
        stop = start + held + draw(st.sampled_from([0] * 9 + [-1, 4, 2**64]))
        entries[name] = entry(dtype, shape, [start, stop])
        end = max(end, start + held)
        spoil = draw(st.sampled_from([None] * 12 + ["dtype", "shape", "data_offsets"]))
        if spoil:
            entries[name][spoil] = draw(
                st.sampled_from([None, 1.0, -1, "F32", [], [-1], [1.5], [True], {}, [0, 8, 9]])
            )
    if draw(st.booleans()):
        entries["__metadata__"] = draw(st.sampled_from([{}, {"format": "pt"}, {"a": 1}, [], "x", None]))
    text = json.dumps(entries).encode()
    if not draw(st.integers(0, 5)):
        place = draw(st.integers(0, len(text)))
        text = text[:place] + draw(st.binary(max_size=2)) + text[place + draw(st.integers(0, 2)) :]
    length = len(text) + draw(st.sampled_from([0] * 9 + [-1, 1, 2**40]))
    data = b"\0" * min(1000, max(0, end + draw(st.sampled_from([0] * 9 + [-1, 1, 100]))))
    return safetensors_file(text, data, max(0, length))


@given(headers())
@settings(max_examples=count(400, 50_000))
def test_changed_headers_are_refused_as_the_package_refuses_them(folder: Path, content: bytes) -> None:
    file = folder / "changed.safetensors"
    file.write_bytes(content)
    assert ours(file) == judged(file)
