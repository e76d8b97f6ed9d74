"""Networks against checkpoints that are made of the modules that verify builds, and of changed ones."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save_file

import shapecalc
from shapecalc.checkpoints.rules_written import folded, written
from shapecalc.engine.run import whole
from shapecalc.language.weight_names import parse_names
from shapecalc.torch_check.network import Network
from tests.checkpoints import Shapes, gpt2, llama, mamba, resnet, sharded_holes
from tests.command import Command
from tests.dice import one_way
from tests.networks import OWN, analysed

NET = """
input: 1x3x16x16
blocks:
  conv(out): [Conv2d: {out_channels: out, kernel_size: 3, padding: 1, bias: false}, BatchNorm2d, ReLU]
layers: [conv as stem: 8, seq as body: [conv times 3: 8], {mean: [2, 3]}, Linear: 4]
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.yaml").write_text(NET)
    return tmp_path


def state(name: str | Path) -> dict[str, Any]:
    """The state dict of the module that verify builds, by the paths of its steps; what is shared, twice."""
    analysis = whole(shapecalc.analyse(shapecalc.load(name)), "verify")
    network = Network(analysis)
    return {
        f"{row.path}.{key}": tensor
        for row, module in zip(analysis.rows, network.layers, strict=True)
        for key, tensor in module.state_dict().items()
    }


def saved(tensors: dict[str, Any], file: str) -> str:
    """A file by the form of its end; safetensors stores a tensor once, by its first name."""
    if file.endswith(".pt"):
        torch.save(tensors, file)
        return file
    once = {tensor.data_ptr(): name for name, tensor in reversed(tensors.items()) if tensor.numel()}
    save_file({n: x for n, x in tensors.items() if once.get(x.data_ptr(), n) == n}, file)
    return file


def torchs(tensors: dict[str, Any]) -> dict[str, Any]:
    """The same by the names that a module of torch might have, in its order."""
    names = {
        "stem": "stem",
        "body.conv[0]": "body.0",
        "body.conv[1]": "body.1",
        "body.conv[2]": "body.2",
        "Linear[0]": "head",
    }
    found = {}
    for name, tensor in tensors.items():
        start = next(key for key in names if name.startswith(f"{key}."))
        rest = name.removeprefix(start).replace(".Conv2d[0]", ".0").replace(".BatchNorm2d[0]", ".1")
        found[names[start] + rest] = tensor
    return found


def differences(run: Command, *words: str) -> tuple[int, dict[str, Any]]:
    found = run("verify", "net.yaml", "--weights", *words, "--format", "json")
    assert not found.err, found.err
    return found.code, json.loads(found.out)


SMALL = [
    name
    for name in [*OWN, "imagenet/resnet18", "imagenet/mobilenet_v3_small", "imagenet/densenet121"]
    if not name.startswith("llm/") and analysed(name).totals.params in range(15_000_000)
]


@pytest.mark.parametrize(
    ("name", "form"), [(name, form) for name in SMALL for form in one_way(name, ["pt", "safetensors"])]
)
def test_the_module_that_verify_builds_is_the_network(run: Command, name: str, form: str) -> None:
    """Tied weights too, which safetensors stores by one of their names; without those of the file."""
    Path("none.yaml").write_text("ignored: []")
    file = saved(state(name), f"own.{form}")
    found = run("verify", name, "--weights", file, "--names", "none.yaml", "--format", "json")
    told = json.loads(found.out)
    assert (found.code, told["differences"], told["equal"]) == (0, [], told["weights"])


def test_what_is_missing_superfluous_and_different_is_named(run: Command) -> None:
    tensors = state("net.yaml")
    other = "body.conv[1].Conv2d[0].weigth"
    tensors[other] = tensors.pop("body.conv[1].Conv2d[0].weight")[:1].clone()
    tensors["Linear[0].weight"] = tensors["Linear[0].weight"].t().contiguous()
    tensors["Linear[0].bias"] = tensors["Linear[0].bias"].to(torch.int8)
    found = run("verify", "net.yaml", "--weights", saved(tensors, "net.pt"), columns=200)
    assert found.code == 1
    assert [line.split() for line in found.out.splitlines()[3:7]] == [
        [
            "body.conv[1].Conv2d[0].weight",
            "8×8×3×3",
            "float32",
            "missing,",
            "nearest",
            "body.conv[1].Conv2d[0].weigth",
        ],
        ["Linear[0].weight", "Linear[0].weight", "4×8", "float32", "8×4", "float32", "shape,", "transposed"],
        ["Linear[0].bias", "Linear[0].bias", "4", "float32", "4", "int8", "dtype"],
        [other, "1×8×3×3", "float32", "superfluous"],
    ]
    assert "23 of 26 weights are in the checkpoint, which has 26 tensors" in found.out


def test_what_shapes_tell_is_no_difference_but_a_name(run: Command) -> None:
    tensors = state("net.yaml")
    tensors["weigth"] = tensors.pop("Linear[0].weight")
    found = run("verify", "net.yaml", "--weights", saved(tensors, "net.pt"))
    assert (found.code, found.out) == (
        1,
        "net · net.pt\n\n"
        "25 of 26 weights are in the checkpoint, which has 26 tensors\n\n"
        "By shapes, all others are there under other names:\n"
        "  Linear[0].weight: weigth\n"
        "--write-names FILE writes these names, --names FILE reads them\n",
    )


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "_orig_mod.module."])
def test_what_wrappers_of_torch_put_before_names_is_left_out(run: Command, prefix: str) -> None:
    tensors = {prefix + name: tensor for name, tensor in state("net.yaml").items()}
    code, found = differences(run, saved(tensors, "net.pt"))
    assert (code, found["prefix"]) == (0, prefix)


def test_a_compiled_part_has_the_names_that_it_had(run: Command) -> None:
    tensors = {name.replace("stem.", "stem._orig_mod."): x for name, x in state("net.yaml").items()}
    assert differences(run, saved(tensors, "net.pt"))[0] == 0


def test_counts_of_batches_may_be_absent_and_other_buffers_not(run: Command) -> None:
    tensors = {n: x for n, x in state("net.yaml").items() if not n.endswith("num_batches_tracked")}
    code, found = differences(run, saved(tensors, "net.pt"))
    assert (code, len(found["absent_buffers"])) == (0, 4)
    del tensors["stem.BatchNorm2d[0].running_mean"]
    code, found = differences(run, saved(tensors, "net.pt"))
    assert (code, [one["what"] for one in found["differences"]]) == (1, ["missing"])


def test_a_buffer_by_itself_may_be_absent(run: Command) -> None:
    """Masks and indices: torch stores them unless they are registered with persistent=False."""
    Path("net.yaml").write_text("input: 1x4\nlayers: [add: [[], [buffer: {shape: [1, 4]}]], Linear: 2]\n")
    tensors = state("net.yaml")
    assert differences(run, saved(tensors, "net.pt"))[0] == 0
    tensors.pop("add[0].1.buffer[0].weight")
    code, found = differences(run, saved(tensors, "net.pt"))
    assert (code, found["absent_buffers"]) == (0, ["add[0].1.buffer[0].weight"])


TIED = """
input: 1x5:int64
layers:
  - Embedding as words: {num_embeddings: 7, embedding_dim: 4}
  - Linear share words: {out_features: 7, bias: false}
"""


@pytest.mark.parametrize(
    "kept", [["words.weight"], ["Linear[0].weight"], ["words.weight", "Linear[0].weight"]]
)
def test_tied_weights_may_be_stored_by_any_of_their_names(run: Command, kept: list[str]) -> None:
    Path("net.yaml").write_text(TIED)
    tensors = {name: tensor for name, tensor in state("net.yaml").items() if name in kept}
    code, found = differences(run, saved(tensors, "net.pt"))
    assert (code, found["weights"], found["equal"]) == (0, 1, 1)
    other = {kept[-1]: torch.zeros(6, 4)}
    code, found = differences(run, saved({**tensors, **other}, "net.pt"))
    assert (code, [one["what"] for one in found["differences"]]) == (1, ["shape"])


@pytest.mark.parametrize("norm", ["weight_norm", "spectral_norm"])
@pytest.mark.filterwarnings("ignore:`torch.nn.utils.weight_norm` is deprecated:FutureWarning")
def test_parametrized_weights_bear_their_names_now_and_before(run: Command, norm: str) -> None:
    Path("net.yaml").write_text(f"input: 1x6\nlayers: [{{Linear: 4, {norm}: true}}]\n")
    assert differences(run, saved(state("net.yaml"), "net.pt"))[0] == 0
    for way in (torch.nn.utils, torch.nn.utils.parametrizations):
        module = getattr(way, norm)(torch.nn.Linear(6, 4))
        tensors = {f"Linear[0].{name}": tensor for name, tensor in module.state_dict().items()}
        code, found = differences(run, saved(tensors, "net.pt"))
        assert (code, found["differences"]) == (0, [])


def test_float32_may_be_another_dtype_of_floating_point_and_says_so(run: Command) -> None:
    tensors = {n: x.bfloat16() if x.is_floating_point() else x for n, x in state("net.yaml").items()}
    tensors["Linear[0].bias"] = tensors["Linear[0].bias"].float()
    file = saved(tensors, "net.pt")
    found = run("verify", "net.yaml", "--weights", file, columns=200)
    assert found.code == 0
    assert "Weights of float32 are stored otherwise: 21 in bfloat16 and 1 in float32" in found.out
    code, told = differences(run, file, "--dtype", "bfloat16")
    assert (code, [one["tensor"] for one in told["differences"]]) == (1, ["Linear[0].bias"])


# Names.


def test_names_are_proposed_written_and_read(run: Command) -> None:
    file = saved(torchs(state("net.yaml")), "net.pt")
    found = run("verify", "net.yaml", "--weights", file, "--write-names", "names.yaml")
    assert found.code == 1
    assert "By shapes, and in the same order, all others are there under other names:" in found.out
    assert Path("names.yaml").read_text() == (
        "stem.Conv2d[0]: stem.0\nstem.BatchNorm2d[0]: stem.1\nbody.conv[*].Conv2d[0]: body.*.0\n"
        "body.conv[*].BatchNorm2d[0]: body.*.1\nLinear[0]: head\n"
    )
    assert run("verify", "net.yaml", "--weights", file, "--names", "names.yaml").code == 0
    lines = "".join(f"  {line}\n" for line in Path("names.yaml").read_text().splitlines())
    Path("net.yaml").write_text(f"{NET}names:\n{lines}")
    assert run("verify", "net.yaml", "--weights", file).code == 0


def test_without_the_order_of_a_module_alike_weights_are_not_told_apart(run: Command) -> None:
    """In safetensors they stand in the order of their names: which of two comes first is a guess."""
    Path("net.yaml").write_text("input: 1x4\nlayers: [Linear: 4, Linear: 4, Linear: 3]\n")
    sizes = {"key": 4, "query": 4, "o": 3}
    tensors = {f"{name}.weight": torch.zeros(size, 4) for name, size in sizes.items()}
    tensors |= {f"{name}.bias": torch.zeros(size) for name, size in sizes.items()}
    found = run(
        "verify", "net.yaml", "--weights", saved(tensors, "net.safetensors"), "--write-names", "n.yaml"
    )
    assert found.code == 1
    assert "  Linear[0]: key  ?\n  Linear[1]: query  ?\n  Linear[2]: o\n" in found.out
    assert found.err == (
        "error: names can't be told: other tensors than key have the shapes of Linear[0]\n"
        "  hint: names for some of them, by --names, may decide the others\n"
    )
    assert not Path("n.yaml").exists()
    ordered = run("verify", "net.yaml", "--weights", saved(tensors, "net.pt"), "--write-names", "n.yaml")
    assert (ordered.code, ordered.err) == (1, "")
    assert Path("n.yaml").read_text() == "Linear[0]: key\nLinear[1]: query\nLinear[2]: o\n"


def test_weights_of_other_last_words_are_paired_by_their_shapes(run: Command) -> None:
    Path("net.yaml").write_text(
        "input: 1x5x4\nlayers: [add: [[], [parameter: {shape: [1, 5, 4]}]], LayerNorm]\n"
    )
    tensors = {"pos_embed": torch.zeros(1, 5, 4), "norm.weight": torch.zeros(4), "norm.bias": torch.zeros(4)}
    run("verify", "net.yaml", "--weights", saved(tensors, "net.safetensors"), "--write-names", "n.yaml")
    assert Path("n.yaml").read_text() == "add[0].1.parameter[0].weight: pos_embed\nLayerNorm[0]: norm\n"
    assert run("verify", "net.yaml", "--weights", "net.safetensors", "--names", "n.yaml").code == 0


def test_tensors_that_stand_for_nothing_are_ignored_by_name(run: Command) -> None:
    tensors = {**state("net.yaml"), "h.0.mask": torch.zeros(1), "h.11.mask": torch.zeros(1)}
    file = saved(tensors, "net.pt")
    Path("names.yaml").write_text("ignored: [h.*.mask]\n")
    found = run("verify", "net.yaml", "--weights", file, "--names", "names.yaml")
    assert (found.code, "Tensors that the names ignore: 2" in found.out) == (0, True)
    assert run("verify", "net.yaml", "--weights", file).code == 1


RENAMED: dict[str, tuple[str, Callable[[str], str]]] = {
    "at the start": ("bert: ''", lambda name: f"bert.{name}"),
    "after a dot": (".gamma: .weight", lambda name: name.replace(".1.weight", ".1.gamma")),
    "both": (
        "net: '', .gamma: .weight, .beta: .bias",
        lambda name: f"net.{name}".replace(".1.weight", ".1.gamma").replace(".1.bias", ".1.beta"),
    ),
}


@pytest.mark.parametrize("case", RENAMED)
def test_parts_of_names_that_some_checkpoints_have_are_others(run: Command, case: str) -> None:
    """With names as without them: the lines are for either."""
    renamed, theirs = RENAMED[case]
    tensors = torchs(state("net.yaml"))
    rules = "stem.Conv2d[0]: stem.0\nstem.BatchNorm2d[0]: stem.1\nbody.conv[*].Conv2d[0]: body.*.0\n"
    rules += "body.conv[*].BatchNorm2d[0]: body.*.1\nLinear[0]: head\n"
    Path("names.yaml").write_text(f"{rules}renamed: {{{renamed}}}\n")
    for names in ({name: theirs(name) for name in tensors}, {name: name for name in tensors}):
        file = saved({names[name]: tensor for name, tensor in tensors.items()}, "net.pt")
        code, found = differences(run, file, "--names", "names.yaml")
        assert (code, found["equal"]) == (0, found["weights"])


def test_a_renamed_tensor_hides_no_other(run: Command) -> None:
    tensors = {**state("net.yaml"), "bert.Linear[0].bias": torch.zeros(5)}
    Path("names.yaml").write_text("renamed: {bert: ''}\n")
    code, found = differences(run, saved(tensors, "net.pt"), "--names", "names.yaml")
    told = [(one["what"], one["tensor"]) for one in found["differences"]]
    assert (code, told) == (1, [("superfluous", "bert.Linear[0].bias")])


def test_what_is_ignored_is_so_with_its_parts(run: Command) -> None:
    tensors = {**state("net.yaml"), "cls.dense.weight": torch.zeros(1), "clsx.bias": torch.zeros(1)}
    Path("names.yaml").write_text("ignored: [cls]\n")
    code, found = differences(run, saved(tensors, "net.pt"), "--names", "names.yaml")
    assert (code, [one["tensor"] for one in found["differences"]]) == (1, ["clsx.bias"])


def test_the_names_that_import_writes_are_read(run: Command) -> None:
    Path("model.py").write_text(
        "from torch import nn\n"
        "class Net(nn.Sequential):\n"
        "    def __init__(self):\n"
        "        parts = nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(144, 2)\n"
        "        super().__init__(*parts)\n"
    )
    imported = run("import", "model.py:Net", "-i", "1x1x8x8", "-o", "net.yaml", "--names", "names.yaml")
    assert imported.code == 0
    module = torch.nn.Sequential(
        torch.nn.Conv2d(1, 4, 3),
        torch.nn.BatchNorm2d(4),
        torch.nn.ReLU(),
        torch.nn.Flatten(),
        torch.nn.Linear(144, 2),
    )
    file = saved(module.state_dict(), "net.pt")
    assert run("verify", "net.yaml", "--weights", file, "--names", "names.yaml").code == 0
    assert run("verify", "net.yaml", "--weights", file).code == 1


def test_rules_that_are_for_no_weight_are_said(run: Command) -> None:
    Path("names.yaml").write_text("convs[*].Conv2d[0]: body.*.0\n")
    found = run(
        "verify", "net.yaml", "--weights", saved(state("net.yaml"), "net.pt"), "--names", "names.yaml"
    )
    assert (found.code, "No weight of net is at convs[*].Conv2d[0], which the names have" in found.out) == (
        0,
        True,
    )


def test_of_two_rules_the_one_for_more_of_a_path_is_taken() -> None:
    names = parse_names("a: x\na.b[*]: y.*\na.b[7]: z\na.b[*].c.w: v.*\n'*[0]': w.*\n", "names")
    told = {"a.q": "x.q", "a.b[3].k": "y.3.k", "a.b[7].k": "z.k", "a.b[7].c.w": "v.7", "u[0].k": "w.u.k"}
    assert {name: names.there(name) for name in told} == told
    assert (names.there("ab"), names.there("a.b"), names.there("a.bc")) == ("ab", "x.b", "x.bc")


NAMES_OF = st.lists(st.sampled_from(["a", "b[0]", "b[1]", "b[10]", "c0"]), min_size=1, max_size=4).map(
    ".".join
)


@given(st.dictionaries(NAMES_OF, NAMES_OF, max_size=12))
def test_folded_rules_say_what_the_pairs_say(pairs: dict[str, str]) -> None:
    rules = folded(pairs)
    assert len(rules) <= len(pairs)
    names = parse_names(written(rules) or "{}", "names")
    assert {here: names.there(here) for here in pairs} == pairs


WRONG_NAMES: dict[str, tuple[str, str]] = {
    "empty": ("", "names.yaml: the file is empty\n  hint: a line is as in conv1.weight: stem.conv.weight"),
    "a list": ("[a]", "names.yaml:1:1: names must be a mapping, not a list"),
    "another number of stars": (
        "a[*]: b",
        "names.yaml:1:7: names: a[*] has 1 times *, and b has 0",
    ),
    "two in a word": (
        "'a**': 'b**'",
        "names.yaml:1:1: names: between two dots or brackets stands one * at most",
    ),
    "a mapping within": ("a: {b: c}", "names.yaml:1:4: names: a name is needed, not a mapping"),
    "nothing": ("a:", "names.yaml:1:3: names: a name is needed, not nothing"),
    "nothing renamed": (
        "renamed: {'': a}",
        "names.yaml:1:11: names: a name is needed, not the text ''",
    ),
    "another list": ("a: [b]", "names.yaml:1:1: names: a list stands after ignored, not after a"),
    "twice": ("a: b\na: c", "names.yaml:2:1: the key 'a' stands twice in one mapping, first on line 1"),
    "too many": (
        "".join(f"a{n}[*]: b{n}.*\n" for n in range(1001)),
        "names.yaml:1001:1: names: more than 1,000 patterns with *",
    ),
}


@pytest.mark.parametrize("case", WRONG_NAMES)
def test_names_that_are_none_are_one_error(run: Command, case: str) -> None:
    text, message = WRONG_NAMES[case]
    Path("names.yaml").write_text(text)
    found = run(
        "verify", "net.yaml", "--weights", saved({"a": torch.zeros(1)}, "net.pt"), "--names", "names.yaml"
    )
    assert found.err.startswith(f"error: {message}")
    assert found.code in (1, 2)


WRONG_OPTIONS: dict[str, tuple[list[str], str]] = {
    "several networks": (["lenet", "nin", "--weights", "net.pt"], "--weights is for one network"),
    "torch too": (
        ["net.yaml", "--weights", "net.pt", "--memory"],
        "--device, --memory, --roofline and --junit are for torch",
    ),
    "names alone": (
        ["net.yaml", "--names", "n.yaml"],
        "--names, --write-names and --dtype are for a checkpoint",
    ),
    "another dtype": (
        ["net.yaml", "--weights", "net.pt", "--dtype", "float23"],
        "--dtype 'float23' is no dtype of floating point\n  hint: did you mean float32",
    ),
    "letters": (
        ["net.yaml", "--weights", "net.pt", "-i", "1xCx16x16"],
        "weights have numbers, and C stand for many",
    ),
    "names that can't be": (
        ["net.yaml", "--weights", "net.pt", "--write-names", "n.yaml"],
        "names can't be told: no tensor left has the shape of stem.Conv2d[0].weight",
    ),
}


@pytest.mark.parametrize("case", WRONG_OPTIONS)
def test_options_that_do_not_go_together_are_one_error(run: Command, case: str) -> None:
    words, message = WRONG_OPTIONS[case]
    saved({"a": torch.zeros(1)}, "net.pt")
    found = run("verify", *words)
    assert message in found.err
    assert found.code in (1, 2)


def test_a_path_with_a_dot_is_for_what_another_rule_leaves() -> None:
    names = parse_names("a[*]: x.*\n.b.c: .y\n.b: .z\n.e: .f\n", "names")
    told = {"a[3].b.c.w": "x.3.y.w", "a[3].b.e.w": "x.3.z.f.w", "b.c": "b.c", "e": "e", "a[0].k": "x.0.k"}
    assert {name: names.there(name) for name in told} == told


def test_parts_along_the_first_axis_may_be_tensors_of_their_own(run: Command) -> None:
    """As the experts of Mixtral."""
    Path("net.yaml").write_text(
        "input: 1x5x4\nlayers: [experts: {num_experts: 3, top_k: 1, expert: [Linear: 4]}]\n"
        "names: {'experts[0].router.Linear[0]': gate, 'experts[0].expert.Linear[0]': 'experts.#.w'}\n"
    )
    tensors = {"gate.weight": torch.zeros(3, 4)}
    for n in range(3):
        tensors |= {f"experts.{n}.w.weight": torch.zeros(4, 4), f"experts.{n}.w.bias": torch.zeros(4)}
    assert differences(run, saved(tensors, "net.pt"))[0] == 0
    del tensors["experts.2.w.weight"]
    code, found = differences(run, saved(tensors, "net.pt"))
    missing = ["experts[0].expert.Linear[0].weight[2]"]
    assert (code, [one["weight"] for one in found["differences"]]) == (1, missing)


def test_of_turned_weights_all_axes_or_the_last_two_are_in_the_opposite_order(run: Command) -> None:
    layers = "[experts: {num_experts: 3, top_k: 1, expert: [Linear: 4, Linear: 5]}]"
    own = {"gate.weight": (3, 5), "up_bias": (3, 4), "down_bias": (3, 5)}
    lines = {"experts[0].router.Linear[0]": "gate"}
    for n, name in enumerate(("up", "down")):
        path = f"experts[0].expert.Linear[{n}]"
        lines |= {f"{path}.weight": f"{name}^{'mT' if n else 'T'}", f"{path}.bias": f"{name}_bias"}
    Path("net.yaml").write_text(f"input: 1x2x5\nlayers: {layers}\nnames: {json.dumps(lines)}\n")
    turned = {"up": (5, 4, 3), "down": (3, 4, 5)}
    for shapes, code in ((turned, 0), ({**turned, "up": (3, 5, 4)}, 1), ({**turned, "down": (3, 5, 4)}, 1)):
        tensors = {name: torch.zeros(shape) for name, shape in (own | shapes).items()}
        assert differences(run, saved(tensors, "net.pt"))[0] == code


PACKED = {
    "as published": ((3, 64, 1, 16), (3, 64, 1), torch.uint8, 0),
    "fewer scales": ((3, 64, 1, 16), (3, 63, 1), torch.uint8, 1),
    "blocks of 8 bytes": ((3, 64, 1, 8), (3, 64, 1), torch.uint8, 1),
    "fewer outputs": ((3, 63, 1, 16), (3, 63, 1), torch.uint8, 1),
    "more inputs": ((3, 64, 2, 16), (3, 64, 2), torch.uint8, 1),
    "no bytes": ((3, 64, 1, 16), (3, 64, 1), torch.int8, 1),
}


@pytest.mark.parametrize("case", PACKED)
def test_blocks_of_mxfp4_are_the_matrices_that_they_stand_for(run: Command, case: str) -> None:
    """32 numbers are 16 bytes with a scale; of other tensors of such names the weight is missing."""
    blocks, scales, dtype, code = PACKED[case]
    lines = {"experts[0].router.Linear[0]": "gate", "experts[0].expert.Linear[0].weight": "up^mT"}
    expert = "expert: [Linear: {out_features: 64, bias: false}, narrow: {dim: -1, start: 0, length: 32}]"
    layers = f"[experts: {{num_experts: 3, top_k: 1, {expert}}}]"
    Path("net.yaml").write_text(f"input: 1x2x32\nlayers: {layers}\nnames: {json.dumps(lines)}\n")
    packed = {
        "gate.weight": torch.zeros(3, 32),
        "up_blocks": torch.zeros(blocks, dtype=dtype),
        "up_scales": torch.zeros(scales, dtype=dtype),
    }
    file = saved(packed, "net.safetensors")
    assert differences(run, file)[0] == code
    told = run("verify", "net.yaml", "--weights", file).out
    assert "1 in float4_e2m1fn" in told or code
    code, found = differences(run, saved({**packed, "up": torch.zeros(3, 32, 64)}, "net.safetensors"))
    assert [one["what"] for one in found["differences"]] == ["superfluous"] * 2


def test_scales_beside_float8_and_layers_that_predict_more_are_ignored_and_counted(run: Command) -> None:
    """As deepseek-ai/DeepSeek-V3 is published; what is beside nothing is no part of it."""
    few = ["--set", "num_hidden_layers=1", "--set", "first_k_dense_replace=1", "--set", "vocab_size=10"]
    few += ["--set", "hidden_size=32", "--set", "intermediate_size=16"]
    sizes = {
        "self_attn.q_a_proj": (1536, 32),
        "self_attn.q_b_proj": (24576, 1536),
        "self_attn.kv_a_proj_with_mqa": (576, 32),
        "self_attn.kv_b_proj": (32768, 512),
        "self_attn.o_proj": (32, 16384),
        "mlp.gate_proj": (16, 32),
        "mlp.up_proj": (16, 32),
        "mlp.down_proj": (32, 16),
    }
    layer = "model.layers.0"
    tensors = {
        f"{layer}.{name}.weight": torch.zeros(shape).to(torch.float8_e4m3fn) for name, shape in sizes.items()
    }
    norms = {"self_attn.q_a_layernorm": 1536, "self_attn.kv_a_layernorm": 512, "input_layernorm": 32}
    norms["post_attention_layernorm"] = 32
    tensors |= {f"{layer}.{name}.weight": torch.zeros(n) for name, n in norms.items()}
    tensors |= {"model.embed_tokens.weight": torch.zeros(10, 32), "model.norm.weight": torch.zeros(32)}
    tensors["lm_head.weight"] = torch.ones(10, 32)
    tensors |= {f"{layer}.{name}.weight_scale_inv": torch.zeros(1, 1) for name in sizes}
    tensors["model.layers.61.eh_proj.weight"] = torch.zeros(2, 2)
    told = run("verify", "llm/deepseek-v3", *few, "--weights", saved(tensors, "net.safetensors"))
    assert (told.code, "Tensors that the names ignore: 9" in told.out) == (0, True)
    assert "8 in float8_e4m3fn" in told.out
    more = {**tensors, f"{layer}.weight_scale_inv": torch.zeros(1)}
    assert run("verify", "llm/deepseek-v3", *few, "--weights", saved(more, "net.safetensors")).code == 1


def test_parts_that_are_too_many_are_refused(run: Command) -> None:
    Path("net.yaml").write_text(
        "input: 1x5:int64\nlayers:\n  - Embedding as e: {num_embeddings: 10000000000, embedding_dim: 4}\n"
        "names: {e: 'e.#'}\n"
    )
    found = run("verify", "net.yaml", "--weights", saved({"e": torch.zeros(1)}, "net.pt"))
    assert found.code == 1
    assert "names: e.#.weight are 10,000,000,000 tensors; at most 4,096 are compared" in found.err


LANGUAGE_MODELS: dict[str, Shapes] = {
    "llm/llama-3.2-1b": llama(16, 2048, 512, 8192, 128256),
    "llm/smollm2-135m": llama(30, 576, 192, 1536, 49152),
    "llm/mixtral-8x7b": llama(32, 4096, 1024, 14336, 32000, experts=8),
    "llm/mamba-130m": mamba(24, 768, 50280, 16, 48, 4),
}


@pytest.mark.parametrize("name", LANGUAGE_MODELS)
def test_published_language_models_are_those_of_the_zoo(folder: Path, run: Command, name: str) -> None:
    """By the names in their files; of tied embeddings one name is enough."""
    shapes = LANGUAGE_MODELS[name]
    sharded_holes(folder, shapes, 3)
    found = run("verify", name, "--weights", str(folder), "--format", "json")
    told = json.loads(found.out)
    assert (found.code, told["differences"], told["tensors"]) == (0, [], len(shapes))
    assert told["equal"] + len(told.get("absent_buffers", [])) == told["weights"]
    if told["weights"] < len(shapes) + 1:
        alone = {key: shape for key, shape in shapes.items() if key != "lm_head.weight"}
        sharded_holes(folder, alone, 3)
        assert run("verify", name, "--weights", str(folder)).code == 0
        assert run("verify", name, "--weights", str(folder), "--dtype", "bfloat16").code == 1


def test_the_published_gpt_2_is_that_of_the_zoo(folder: Path, run: Command) -> None:
    """Its matrices have inputs before outputs, and its masks, which are no weights, are ignored."""
    shapes = gpt2(12, 768, 50257, 1024)
    sharded_holes(folder, shapes, 1)
    found = run("verify", "gpt2", "--weights", str(folder), "--format", "json")
    told = json.loads(found.out)
    assert (found.code, told["differences"], told["equal"]) == (0, [], len(shapes) - 12)
    turned = {name: shape[::-1] if len(shape) == 2 else shape for name, shape in shapes.items()}
    sharded_holes(folder, turned, 1)
    told = json.loads(run("verify", "gpt2", "--weights", str(folder), "--format", "json").out)
    square = 12  # out_proj, which is as wide as it is high
    assert [one["what"] for one in told["differences"]] == ["shape"] * (4 * 12 + 2 - square)


RESNETS = {
    "resnet18": ([2, 2, 2, 2], False, 1),
    "resnet50": ([3, 4, 6, 3], True, 1),
    "wide_resnet50_2": ([3, 4, 6, 3], True, 2),
    "resnet152": ([3, 8, 36, 3], True, 1),
}


@pytest.mark.parametrize("name", RESNETS)
def test_residual_networks_are_torchvisions(run: Command, name: str) -> None:
    units, deep, widening = RESNETS[name]
    tensors = resnet(units, deep, widening)
    torch.save(tensors, "net.pth")
    found = run("verify", f"imagenet/{name}", "--weights", "net.pth", "--format", "json")
    told = json.loads(found.out)
    assert (found.code, told["differences"], told["equal"]) == (0, [], len(tensors))


# `params` of a checkpoint.


def test_a_checkpoint_is_listed_as_a_tree(run: Command) -> None:
    tied = torch.zeros(2, 3)
    tensors = {
        "b.10.w": torch.zeros(4),
        "b.2.w": torch.zeros(4).half(),
        "b": torch.zeros(1),
        "a": tied,
        "z": tied,
    }
    saved(tensors, "net.pt")
    assert run("params", "net.pt").out == (
        "net.pt\n\n"
        "Tensor   Shape  Dtype             Elements  Bytes\n"
        "b               float32, float16         9   28 B\n"
        "├─ 10           float32                  4   16 B\n"
        "│  └─ w  4      float32                  4   16 B\n"
        "└─ 2            float16                  4    8 B\n"
        "   └─ w  4      float16                  4    8 B\n"
        "a        2×3    float32                  6   24 B\n"
        "z = a    2×3    float32\n\n"
        "Tensors   5, 1 of them another's\n"
        "Elements  15\n"
        "Bytes     52 B\n"
        "  44 B in float32: 11 elements in 3 tensors\n"
        "  8 B in float16: 4 elements in 1 tensor\n"
    )
    assert run("params", "net.pt", "--format", "csv").out.splitlines() == [
        "tensor,shape,dtype,elements,bytes,tied_to,file",
        "b.10.w,4,float32,4,16,,",
        "b.2.w,4,float16,4,8,,",
        "b,1,float32,1,4,,",
        "a,2x3,float32,6,24,,",
        "z,2x3,float32,,,a,",
    ]
    told = json.loads(run("params", "net.pt", "--format", "json").out)
    assert told["totals"]["bytes"] == sum(one["bytes"] for one in told["totals"]["dtypes"].values()) == 52
    assert told["tensors"][-1] == {
        "name": "z", "shape": [2, 3], "dtype": "float32", "elements": 6, "bytes": 24, "tied_to": "a",
    }  # fmt: skip


def test_columns_of_a_depth_add_up_to_the_totals(run: Command) -> None:
    saved(state("lenet"), "net.safetensors")
    lines = run("params", "net.safetensors", "--depth", "1", columns=200).out.splitlines()
    table = lines[3 : lines.index("", 3)]
    total = shapecalc.analyse(shapecalc.load("lenet")).totals.params
    assert sum(int(line.split()[2].replace(",", "")) for line in table) == total
    assert f"Elements  {total:,}" in lines


def test_of_a_checkpoint_there_is_no_input(run: Command) -> None:
    found = run("params", saved({"a": torch.zeros(1)}, "net.pt"), "--input", "1x2")
    assert (found.code, found.err) == (2, "error: of a checkpoint, params takes --depth and --format alone\n")
    deep = run("params", "net.pt", "--format", "csv", "--depth", "1")
    assert (deep.code, deep.err) == (2, "error: --depth is for tables; CSV always has every tensor\n")
