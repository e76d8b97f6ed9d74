"""Checkpoints that are broken, huge or made to do harm: each is one error, soon and in little memory."""

from __future__ import annotations

import io
import json
import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from shapecalc.checkpoints.reading import read
from shapecalc.errors import ShapecalcError
from tests.checkpoints import entry, llama, safetensors_file, sharded_holes, sparse
from tests.command import Command
from tests.dice import count
from tests.forked import forked
from tests.test_checkpoints import described, refusal, said
from tests.test_hostile_files import MEGABYTES, Outcome, check_cost

CHILD = """
import resource, sys

sys.setrecursionlimit(1000)
resource.setrlimit(resource.RLIMIT_CPU, (10, 10))
resource.setrlimit(resource.RLIMIT_AS, (2_000_000_000, 2_000_000_000))

from shapecalc.checkpoints.reading import read
from shapecalc.errors import ShapecalcError

try:
    found = read(sys.argv[1])
except ShapecalcError as error:
    print(error)
    sys.exit(error.exit_code)
print(f"{len(found.tensors)} tensors")
"""


def outcome_of(path: Path) -> Outcome:
    """Read in a process of its own; fails if it ends in anything but a ShapecalcError."""
    run = forked(CHILD, "child", str(path))
    assert not run.err, run.err[-400:]
    assert run.code >= 0, f"killed by signal {-run.code}"
    return Outcome(run.code, run.out.removesuffix("\n"), run.seconds, run.megabytes)


TWO = {"a": entry(), "b": entry(offsets=(8, 16))}
HEADERS: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "0 bytes are no safetensors file, which begins with 8 of a length"),
    "cut off in its header": (
        safetensors_file(TWO)[:40],
        "its header is to have 123 bytes, and 32 follow\n  hint: the file is cut off",
    ),
    "a header of 2 GB": (
        safetensors_file(b"{}", length=2**31),
        "its header is to have 2,147,483,648 bytes, and 2 follow",
    ),
    "cut off in its data": (
        safetensors_file(TWO, bytes(12)),
        "'b' ends at byte 16 of the data, of which there are 12\n  hint: the file is cut off",
    ),
    "overlapping": (
        safetensors_file({"a": entry(), "b": entry(offsets=(4, 12))}, bytes(12)),
        "'a' and 'b' overlap: one ends at 8, one begins at 4",
    ),
    "with a hole": (
        safetensors_file({"a": entry(), "b": entry(offsets=(12, 20))}, bytes(20)),
        "bytes 8 to 12 of the data, before 'b', belong to no tensor",
    ),
    "with a rest": (safetensors_file(TWO, bytes(17)), "the last 1 bytes belong to no tensor"),
    "with a key twice": (
        safetensors_file(b'{"a": {"dtype": "F32", "dtype": "F32"}}'),
        "the header is wrong: it has the key 'dtype' twice",
    ),
    "of an unknown dtype": (
        safetensors_file({"a": entry("F33")}, bytes(8)),
        "the dtype 'F33' of 'a' is unknown\n  hint: did you mean F32",
    ),
    "no UTF-8": (safetensors_file(b'{"\xff": 1}'), "the header is no UTF-8 text: byte 2 is 0xff"),
    "no JSON": (safetensors_file(b"{]"), "the header is no JSON: Expecting property name"),
    "of infinite numbers": (
        safetensors_file(b'{"a": 1e999}'),
        "the header is wrong: 1e999 is no whole number",
    ),
    "of endless numbers": (safetensors_file(b'{"a": ' + b"9" * 9999 + b"}"), "the header is wrong: Exceeds"),
    "of another kind": (safetensors_file(b"[1]"), "its header does not begin with {"),
    "lying about a size": (
        safetensors_file({"a": entry(shape=(3,))}, bytes(8)),
        "'a': [3] of F32 are 12 bytes, and it has 8",
    ),
    "of negative sizes": (
        safetensors_file({"a": entry(shape=(-2,))}),
        "the shape of 'a' is no list of sizes",
    ),
    "backwards": (
        safetensors_file({"a": entry(offsets=(8, 0))}),
        "the data_offsets of 'a' are no start and no end",
    ),
    "without offsets": (
        safetensors_file({"a": {"dtype": "F32"}}),
        "'a' must have dtype, shape and data_offsets",
    ),
    "of metadata that are none": (
        safetensors_file({"__metadata__": {"a": 1}}),
        "__metadata__ is no mapping of texts to texts",
    ),
}


@pytest.mark.parametrize("case", HEADERS)
def test_a_header_that_is_not_true_is_one_error(tmp_path: Path, case: str) -> None:
    content, message = HEADERS[case]
    file = tmp_path / "net.safetensors"
    file.write_bytes(content)
    assert refusal(lambda: read(str(file))).startswith(f"{file}: {message}")


def wide(opening: bytes, filling: bytes, closing: bytes, size: int = 31_000_000) -> bytes:
    """A header of nearly as many bytes as are read."""
    return safetensors_file(opening + filling * ((size - len(opening + closing)) // len(filling)) + closing)


def honest(tensors: int) -> bytes:
    entries = {f"model.layers.{n}.mlp.experts.w": entry("U8", (1,), (n, n + 1)) for n in range(tensors)}
    return safetensors_file(entries, bytes(tensors))


BOMBS: dict[str, tuple[Callable[[], bytes], str]] = {
    "deep": (lambda: safetensors_file(b'{"a":' + b"[" * 3_000_000), "the header is nested too deep"),
    "deep objects": (lambda: safetensors_file(b'{"a":' * 3_000_000), "the header is nested too deep"),
    "of empty lists": (lambda: wide(b'{"a":[', b"[],", b"[]]}"), "the header has more than 4,000,000 values"),
    "of numbers": (
        lambda: wide(b'{"a":[', b"1000000,", b"1]}"),
        "'a' must have dtype, shape and data_offsets",
    ),
    "of texts": (lambda: wide(b'{"a":["\xf0\x9f\x98\x80"', b',"abcdefg"', b"]}"), "'a' must have dtype"),
    "of one text": (lambda: wide(b'{"a":"', b"\\u1234", b'"}'), "'a' must have dtype, shape"),
    "of many axes": (
        lambda: safetensors_file(
            b'{"a":{"dtype":"U8","data_offsets":[0,0],"shape":[0' + b",9999999" * 3_000_000 + b"]}}"
        ),
        "the shape of 'a' is no list of sizes",
    ),
    "honest, of a trillion parameters": (lambda: honest(150_000), "150000 tensors"),
}


@pytest.mark.one_in(2)
@pytest.mark.parametrize("case", BOMBS)
def test_a_header_takes_little_time_and_memory(tmp_path: Path, case: str) -> None:
    make, message = BOMBS[case]
    file = tmp_path / "net.safetensors"
    file.write_bytes(make())
    outcome = outcome_of(file)
    assert message in outcome.text
    check_cost(outcome)


def test_a_header_that_is_there_and_too_large_is_not_read(tmp_path: Path) -> None:
    file = tmp_path / "net.safetensors"
    sparse(file, (2**31).to_bytes(8, "little") + b"{", 2**31 + 100)
    outcome = outcome_of(file)
    assert "its header has 2,147,483,648 bytes; at most 32,000,000 are read" in outcome.text
    check_cost(outcome)


# Files of torch: zip files and pickles.


class Running:
    """What a pickle calls when it is loaded: a test that it does so is below."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.file),)


def test_a_pickle_that_would_run_code_is_refused_and_runs_nothing(tmp_path: Path) -> None:
    file, made = tmp_path / "net.pt", tmp_path / "made"
    torch.save({"weight": torch.zeros(2), "extra": Running(made)}, file)
    message = refusal(lambda: read(str(file)))
    assert "it calls for 'posix.mkdir', which is no part of tensors: nothing was run" in message
    assert "hint: a file of weights alone is made by torch.save(model.state_dict(), FILE)" in message
    assert not made.exists()
    torch.load(file, weights_only=False)
    assert made.exists(), "it would have"


@pytest.mark.parametrize(
    "name", ["os.system", "builtins.eval", "builtins.getattr", "torch.load", "torch.hub.load"]
)
def test_names_are_those_of_tensors_alone(tmp_path: Path, name: str) -> None:
    module, _, function = name.rpartition(".")
    content = f"\x80\x02c{module}\n{function}\nX\x02\0\0\0ls\x85R.".encode("latin-1")
    file = with_pickle(tmp_path / "net.pt", content)
    assert f"it calls for {name!r}" in refusal(lambda: read(str(file)))


def with_pickle(file: Path, content: bytes, **records: bytes) -> Path:
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in {"data.pkl": content, **records}.items():
            archive.writestr(f"net/{name}", data)
    return file


def saved(value: Any, **options: Any) -> bytes:
    buffer = io.BytesIO()
    torch.save(value, buffer, **options)
    return buffer.getvalue()


SOUND = saved({"weight": torch.zeros(1000), "bias": torch.zeros(10)})
WHOLE = "torch.save(model.state_dict(), FILE) writes the weights alone"


def zipped(records: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in records.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def repacked(others: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    """The sound file with other records in place of its own."""
    with zipfile.ZipFile(io.BytesIO(SOUND)) as archive:
        records = {name: archive.read(name) for name in archive.namelist()}
    folder = next(iter(records)).partition("/")[0]
    return zipped({**records, **{f"{folder}/{name}": data for name, data in others.items()}}, method)


def pickled(value: object, protocol: int = 2) -> bytes:
    return zipped({"net/data.pkl": pickle.dumps(value, protocol)})


TORCH: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "it is no file that torch.save writes, which are zip files"),
    "another file": (b"weights\n" * 10, "it is no file that torch.save writes, which are zip files"),
    "old": (
        saved({"weight": torch.zeros(2)}, _use_new_zipfile_serialization=False),
        "it is in the form of torch before 1.6, which only a whole reading can take\n"
        "  hint: torch.save(torch.load(FILE, weights_only=True), NEW) writes the form that is read here",
    ),
    "cut off": (SOUND[:-300], "it has no directory of its records\n  hint: the file is cut off"),
    "cut off within": (SOUND[:2000] + SOUND[-2000:], "there is no directory where its end says"),
    "another archive": (zipped({"a.txt": b"a"}), "it has no record data.pkl: torch.save did not write it"),
    "a program": (
        zipped({"net/data.pkl": b"", "net/constants.pkl": b"", "net/code/x.py": b""}),
        "it is a TorchScript program, which is code",
    ),
    "a module": (
        saved(torch.nn.Linear(2, 2)),
        "it calls for 'torch.nn.modules.linear.Linear', which is no part of tensors: nothing was run",
    ),
    "compressed": (repacked({}, zipfile.ZIP_DEFLATED), "is compressed, as torch.save never writes it"),
    "an empty pickle": (
        zipped({"net/data.pkl": b""}),
        "its pickle can't be read: a part of it is missing or wrong",
    ),
    "a pickle of another protocol": (
        pickled({"a": 1}, 4),
        "its pickle can't be read: its protocol is 4, and torch.load(weights_only=True) takes 2",
    ),
    "no names": (saved([torch.zeros(2)]), "it holds no names of tensors"),
    "no tensors": (pickled({"a": 1, "b": 2}), "which part of it are the weights can't be told: it has a, b"),
    "two parts": (
        saved({"generator": {"w": torch.zeros(1)}, "critic": {"w": torch.zeros(1)}}),
        "which part of it are the weights can't be told: it has generator, critic",
    ),
    "a sparse tensor": (
        saved({"w": torch.eye(3).to_sparse()}),
        "'w' is no dense tensor: it is made by _rebuild_sparse_tensor",
    ),
    "a storage that is not there": (
        zipped({"net/data.pkl": zipfile.ZipFile(io.BytesIO(SOUND)).read("archive/data.pkl")}),
        "'weight' lies in the record data/0, which is not there",
    ),
    "a storage of another size": (
        repacked({"data/0": bytes(3996)}),
        "the storage of 'weight' is to have 4,000 bytes, and its record 3,996",
    ),
}


@pytest.mark.parametrize("case", TORCH)
def test_a_file_of_torch_that_is_not_true_is_one_error(tmp_path: Path, case: str) -> None:
    content, message = TORCH[case]
    file = tmp_path / "net.pt"
    file.write_bytes(content)
    found = refusal(lambda: read(str(file)))
    assert message in found
    assert found.startswith(f"{file}: ")


def test_a_tensor_that_reaches_out_of_its_storage_is_refused(tmp_path: Path) -> None:
    """A view of 11 of 10 elements, which torch itself would refuse when it makes it."""
    content = saved({"bias": torch.zeros(10)})
    file = tmp_path / "net.pt"
    file.write_bytes(content.replace(b"K\x0a\x85", b"K\x0b\x85", 1))
    assert "'bias' is larger than its storage of 40 bytes" in refusal(lambda: read(str(file)))
    with pytest.raises(RuntimeError):
        torch.load(file, weights_only=True)


PICKLES: dict[str, tuple[Callable[[], bytes], str]] = {
    "of steps": (lambda: b"\x80\x02" + b"N" * 31_000_000, "its pickle has more than 3,000,000 steps"),
    "of dicts": (lambda: b"\x80\x02" + b"}" * 31_000_000, "its pickle has more than 3,000,000 steps"),
    "of marks": (lambda: b"\x80\x02" + b"(" * 31_000_000, "its pickle has more than 3,000,000 steps"),
    "of a far memory": (lambda: b"\x80\x02N" + b"r\xff\xff\xff\xff" * 6_000_000, "more than 3,000,000 steps"),
    "of a long text": (lambda: b"\x80\x02X\xff\xff\xff\xff", "its pickle can't be read: it is cut off"),
    "of deep tuples": (
        lambda: b"\x80\x02}" + b")" + b"\x85" * 2_000_000 + b"Ns.",
        "it sets an item of what has none",
    ),
    "of lists of themselves": (
        lambda: b"\x80\x02]q\0" + b"h\0a" * 900_000 + b".",
        "it holds no names of tensors",
    ),
    "of dicts of themselves": (
        lambda: (
            b"\x80\x02}q\0(" + b"".join(b"J%sh\0" % n.to_bytes(4, "little") for n in range(900_000)) + b"u."
        ),
        "which part of it are the weights can't be told",
    ),
    "of large numbers": (
        lambda: (
            b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\nq\0}X\1\0\0\0ah\0(NK\0("
            + (b"\x8a\xff" + b"\x7f" * 255) * 100_000
            + b"t)\x89Nt\x52s."
        ),
        "'a' is no tensor as torch writes them",
    ),
}


@pytest.mark.one_in(4)
@pytest.mark.parametrize("case", PICKLES)
def test_a_pickle_takes_little_time_and_memory(tmp_path: Path, case: str) -> None:
    make, message = PICKLES[case]
    outcome = outcome_of(with_pickle(tmp_path / "net.pt", make()))
    assert message in outcome.text
    check_cost(outcome)


def test_a_zip_bomb_is_not_unpacked(tmp_path: Path) -> None:
    """A megabyte of zeros in place of the pickle, which are more than the megabytes that may be taken."""
    file = tmp_path / "net.pt"
    with (
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("net/data.pkl", "w") as record,
    ):
        for _ in range(MEGABYTES // 10 + 10):
            record.write(bytes(10_000_000))
    outcome = outcome_of(file)
    assert "net/data.pkl is compressed, as torch.save never writes it" in outcome.text
    check_cost(outcome)


def test_a_directory_of_millions_of_records_is_not_read(tmp_path: Path) -> None:
    file = tmp_path / "net.pt"
    one = b"PK\1\2" + bytes(42)
    end = b"PK\5\6" + bytes(4) + b"\xff\xff\xff\xff" + (len(one) * 400_000).to_bytes(4, "little")
    file.write_bytes(b"PK\3\4" + one * 400_000 + end + (4).to_bytes(4, "little") + bytes(2))
    outcome = outcome_of(file)
    assert "the directory of its records has 18,400,000 bytes, more than are read" in outcome.text
    check_cost(outcome)


def mutants() -> st.SearchStrategy[list[tuple[int, int]]]:
    return st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), min_size=1, max_size=3)


SMALL = saved({"weight": torch.zeros(3, 2), "bias": torch.zeros(3, dtype=torch.int64), "step": 4})


@given(mutants(), st.booleans())
@settings(max_examples=count(300, 30_000))
def test_changed_bytes_are_refused_or_read_as_torch_reads_them(
    tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[int, int]], within: bool
) -> None:
    """In the pickle, or anywhere: what torch reads of it is refused here, or read the same."""
    content = bytearray(SMALL)
    start = content.index(b"\x80\x02") if within else 0
    end = content.index(b".PK", start) if within else len(content)
    for place, value in changes:
        content[start + place % (end - start)] = value
    file = tmp_path_factory.getbasetemp() / "changed.pt"
    file.write_bytes(content)
    try:
        found = said(read(str(file)))
    except ShapecalcError:
        return
    try:
        loaded = torch.load(file, weights_only=True, map_location="meta")
    except Exception:  # torch looks at what a header has no need of, such as checksums
        return
    tensors = {name: x for name, x in loaded.items() if isinstance(x, torch.Tensor)}
    assert {name: x for name, x in described(tensors).items() if isinstance(name, str)} == found


# Several files, folders, and what is no file.


def sharded(folder: Path, **map_: object) -> Path:
    """Two shards and their index, or one that is another than theirs."""
    (folder / "one.safetensors").write_bytes(safetensors_file({"a": entry()}, bytes(8)))
    (folder / "two.safetensors").write_bytes(safetensors_file(TWO, bytes(16)).replace(b'"a"', b'"c"'))
    right = {"a": "one.safetensors", "b": "two.safetensors", "c": "two.safetensors"}
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"metadata": {"total_size": 24}, "weight_map": {**right, **map_}}))
    return index


def test_an_index_is_read_by_itself_and_in_its_folder(tmp_path: Path) -> None:
    for path in (sharded(tmp_path), tmp_path):
        found = read(str(path))
        named = {(tensor.name, tensor.file) for tensor in found.tensors}
        assert named == {("a", "one.safetensors"), ("b", "two.safetensors"), ("c", "two.safetensors")}
        assert (found.files, found.form) == (2, "safetensors")


def test_an_index_of_files_of_torch_is_read(tmp_path: Path) -> None:
    torch.save({"a": torch.zeros(3)}, tmp_path / "pytorch_model-00001-of-00002.bin")
    torch.save({"b": torch.zeros(2, dtype=torch.int64)}, tmp_path / "pytorch_model-00002-of-00002.bin")
    files = {name: f"pytorch_model-0000{n}-of-00002.bin" for n, name in enumerate("ab", start=1)}
    (tmp_path / "pytorch_model.bin.index.json").write_text(json.dumps({"weight_map": files}))
    found = read(str(tmp_path))
    assert (said(found), found.form) == ({"a": ((3,), "float32"), "b": ((2,), "int64")}, "torch")
    assert not found.in_order_of_module, "an index sorts names"


INDICES: dict[str, tuple[dict[str, object], str]] = {
    "a shard that is missing": (
        {"d": "three.safetensors"},
        "the shard 'three.safetensors' is missing, which has 1 of the tensors",
    ),
    "out of its folder": (
        {"d": "../one.safetensors"},
        "it names '../one.safetensors', and a shard is a file beside",
    ),
    "from the root": ({"d": "/etc/passwd"}, "it names '/etc/passwd', and a shard is a file beside its index"),
    "as Windows does": ({"d": "..\\one.safetensors"}, "and a shard is a file beside its index"),
    "nothing": ({"d": ""}, "it names '', and a shard is a file beside its index"),
    "itself": ({"d": "model.safetensors.index.json"}, "it is no file that torch.save writes"),
    "a tensor that is not there": (
        {"d": "one.safetensors"},
        "'one.safetensors' has no 'd', which the index has there",
    ),
    "no name": ({"d": 3}, "weight_map must be a mapping of tensors to files"),
}


@pytest.mark.parametrize("case", INDICES)
def test_an_index_that_is_not_true_is_one_error(tmp_path: Path, case: str) -> None:
    names, message = INDICES[case]
    index = sharded(tmp_path, **names)
    assert message in refusal(lambda: read(str(index)))


def test_what_is_no_file_is_one_error(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.safetensors")
    (tmp_path / "folder.pt").mkdir()
    (tmp_path / "empty").mkdir()
    for name, message in {
        "pipe.safetensors": "is no regular file\n  hint: it is read in parts, which a pipe",
        "folder.pt": "the folder {} holds no checkpoint\n  hint: one ends in .safetensors, .pt",
        "empty": "the folder {} holds no checkpoint",
        "absent.pt": "can't be read: No such file or directory",
        f"{'n' * 300}.pt": "can't be read: File name too long",
        "a\0b.pt": "can't be read: embedded null byte",
        "net.onnx": "is no checkpoint by its name\n  hint: one ends in .safetensors, .pt",
    }.items():
        path = tmp_path / name
        assert message.format(path) in refusal(lambda path=path: read(str(path))), name  # type: ignore[misc]


def test_of_several_checkpoints_in_a_folder_one_is_to_be_named(tmp_path: Path) -> None:
    for name in ("a.safetensors", "b.safetensors", "c.pt"):
        (tmp_path / name).write_bytes(safetensors_file({}))
    message = f"the folder {tmp_path} holds 2 checkpoints\n  hint: name one: a.safetensors, b.safetensors"
    assert refusal(lambda: read(str(tmp_path))) == message


def test_140_gigabytes_are_listed_in_a_second(tmp_path: Path, run: Command) -> None:
    """Llama 2 70B as it is published, 137.95 GB."""
    sharded_holes(tmp_path, llama(80, 8192, 1024, 28672, 32000), 15)
    outcome = min((outcome_of(tmp_path) for _ in range(2)), key=lambda one: one.seconds)
    assert outcome.text == "723 tensors"
    assert outcome.seconds < 1
    shown = run("params", str(tmp_path), "--depth", "1")
    assert shown.out.splitlines()[-4:] == [
        "Tensors   723 in 15 files",
        "Elements  68,976,648,192",
        "Bytes     128.48 GiB",
        "  128.48 GiB in float16: 68,976,648,192 elements in 723 tensors",
    ]
