"""Libraries, files of blocks: where they are looked up, what their blocks see, what is said of wrong ones."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from textwrap import dedent

import pytest
import yaml
from jsonschema import Draft202012Validator

import shapecalc
from shapecalc import ShapecalcError, zoo
from shapecalc.language import library
from shapecalc.language.schema import schema
from tests.command import Command

Write = Callable[[str, str], Path]

CONV = "blocks:\n  conv(out): [Conv2d: {out_channels: out, kernel_size: 3}, ReLU]\n"
NET = "input: 1x3x8x8\nuse: own/conv\nlayers: [conv: 4]\n"


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Writes files of a working folder, each by its name without .yaml."""
    monkeypatch.chdir(tmp_path)

    def write(name: str, text: str) -> Path:
        path = Path(f"{name}.yaml")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text), encoding="utf-8")
        return path

    return write


def paths(name: str) -> list[str]:
    return [row.path for row in shapecalc.analyse(shapecalc.load(name)).rows]


def refusal(name: str) -> ShapecalcError:
    with pytest.raises(ShapecalcError) as caught:
        shapecalc.analyse(shapecalc.load(name))
    return caught.value


# What a library gives.


def test_a_block_of_a_library_is_used_as_one_of_the_file(write: Write) -> None:
    write("own/conv", CONV)
    write("net", NET)
    write("alone", f"input: 1x3x8x8\n{CONV}layers: [conv: 4]\n")
    with_library, alone = (shapecalc.analyse(shapecalc.load(name)).to_dict() for name in ("net", "alone"))
    assert with_library.pop("uses") == [{"name": "own/conv", "file": "own/conv.yaml", "version": None}]
    assert {**with_library, "name": ""} == {**alone, "name": ""}


def test_a_text_uses_libraries_of_the_working_folder(write: Write) -> None:
    write("own/conv", CONV)
    assert shapecalc.analyse(shapecalc.parse(NET)).outputs[0].shape == (1, 4, 6, 6)


def test_what_is_used_is_told_on_the_screen_and_in_json(write: Write, run: Command) -> None:
    write("own/conv", f"version: 2.1\n{CONV}")
    write("own/pair", "use: own/conv\nblocks: {pair(out): [conv: out, conv: out]}\n")
    write("net", "input: 1x3x8x8\nuse: [own/pair]\nlayers: [pair: 4]\n")
    assert "\nUses        own/conv 2.1, own/pair\n" in run("show", "net").out
    uses = json.loads(run("show", "net", "--format", "json").out)["uses"]
    assert [(own["name"], own["file"], own["version"]) for own in uses] == [
        ("own/conv", "own/conv.yaml", "2.1"),
        ("own/pair", "own/pair.yaml", None),
    ]


def test_a_network_has_the_blocks_of_what_it_uses_and_no_others(write: Write) -> None:
    """What a library uses is the library's alone, as are its blocks whose names begin with _."""
    write("conv", CONV)
    write("pair", "use: conv\nblocks: {pair(out): [conv: out, _end], _end: [ReLU]}\n")
    write("net", "input: 1x3x8x8\nuse: pair\nblocks: {conv: [Flatten]}\nlayers: [pair: 4, conv]\n")
    assert paths("net") == [
        "pair[0].conv[0].Conv2d[0]",
        "pair[0].conv[0].ReLU[0]",
        "pair[0]._end[0].ReLU[0]",
        "conv[0].Flatten[0]",
    ]
    write("net", "input: 1x3x8x8\nuse: pair\nlayers: [pair: 4, _end]\n")
    assert refusal("net").message == "the step '_end' is unknown"


def test_one_library_used_by_two_is_one(write: Write) -> None:
    write("conv", CONV)
    write("a", "use: conv\nblocks: {a: [conv: 3]}\n")
    write("b", "use: conv\nblocks: {b: [conv: 2]}\n")
    write("net", "input: 1x3x8x8\nuse: [a, b, conv]\nlayers: [a, b, conv: 1]\n")
    assert len(paths("net")) == 6
    assert [own.name for own in shapecalc.load("net").libraries] == ["conv", "a", "b"]


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ("unit: [Linear: width]", "Linear: out_features: the name 'width' is unknown"),
        ("unit: [add: [outside, []]]", "no tensor above is named 'outside'"),
        ("unit: [add: [input, []]]", "no tensor above is named 'input'"),
        ("unit: [{Linear: 3, share: outside}]", "share: no step above is named 'outside'"),
        ("unit: [mine]", "the step 'mine' is unknown"),
    ],
)
def test_a_library_sees_nothing_of_the_file_that_uses_it(block: str, message: str, write: Write) -> None:
    write("own", f"blocks:\n  {block}\n")
    write(
        "net",
        """\
        input: 1x3
        parameters: {width: 3}
        use: own
        blocks: {mine: [ReLU]}
        layers: [{Linear: 3, as: outside}, unit]
        """,
    )
    error = refusal("net")
    assert error.message == message
    assert error.place is not None
    assert error.place.file == "own.yaml"


def test_arguments_are_the_users_and_defaults_the_librarys(write: Write) -> None:
    write("own", "blocks:\n  unit(out, act=ReLU, wide=2*channels): [Linear: wide, act, Linear: out]\n")
    write(
        "net",
        """\
        input: 1x3
        parameters: {wide: 7, act: SiLU}
        use: own
        layers: [unit: wide, {unit: {out: channels, act: act}}]
        """,
    )
    rows = shapecalc.analyse(shapecalc.load("net")).rows
    assert [row.type for row in rows] == ["Linear", "ReLU", "Linear", "Linear", "SiLU", "Linear"]
    assert [row.output.shape[1] for row in rows] == [6, 6, 7, 14, 14, 7]


def test_a_block_of_several_tensors_takes_and_gives_them(write: Write) -> None:
    write("own", "blocks:\n  swap(a, b;) -> c, d:\n    - Linear from b as c: 2\n    - ReLU from a as d\n")
    write(
        "net", "input: {x: 1x3, y: 1x4}\nuse: own\nlayers: [{swap: , from: [x, y], times: 2, as: [p, q]}]\n"
    )
    analysis = shapecalc.analyse(shapecalc.load("net"))
    assert [tensor.shape for tensor in analysis.outputs] == [(1, 2), (1, 2)]
    write("net", "input: {x: 1x3}\nuse: own\nlayers:\n  - swap\n")
    assert str(refusal("net").place) == "net.yaml:4:5"


STACK = "blocks:\n  stack(unit, out): [unit: out, {unit: {out: out}, times: 2}]\n"


def test_a_block_of_the_file_may_be_given_to_a_library(write: Write) -> None:
    """It sees the parameters of its own file, and the blocks there, also through a second library."""
    write("stack", STACK)
    write("twice", "use: stack\nblocks:\n  twice(unit): [{stack: {unit: unit, out: 4}}, unit: 5]\n")
    write(
        "net",
        """\
        input: 1x3
        parameters: {bias: false}
        use: [stack, twice]
        blocks: {mine(out): [Linear: {out_features: out, bias: bias}, act], act: [SiLU]}
        layers: [{stack: {unit: mine, out: 2}}, twice: mine, {stack: {unit: mine, out: 3}}]
        """,
    )
    analysis = shapecalc.analyse(shapecalc.load("net"))
    assert [row.type for row in analysis.rows] == ["Linear", "SiLU"] * 10
    assert [row.output.shape[1] for row in analysis.rows[::2]] == [2] * 3 + [4] * 3 + [5] + [3] * 3
    assert analysis.rows[0].path == "stack[0].mine[0].Linear[0]"
    assert analysis.totals.params == 3 * 2 + 2 * 4 + 2 * 4 + 2 * 16 + 4 * 5 + 5 * 3 + 2 * 9


def test_blocks_of_one_name_that_two_files_give_are_two(write: Write) -> None:
    write("stack", STACK)
    write("own", "use: stack\nblocks:\n  own: [{stack: {unit: _unit, out: 4}}]\n  _unit(out): [ReLU]\n")
    write(
        "net",
        """\
        input: 1x3
        use: [stack, own]
        blocks: {_unit(out): [Linear: out]}
        layers: [{stack: {unit: _unit, out: 2}}, own, {stack: {unit: _unit, out: 2}}]
        """,
    )
    types = [row.type for row in shapecalc.analyse(shapecalc.load("net")).rows]
    assert types == ["Linear"] * 3 + ["ReLU"] * 3 + ["Linear"] * 3


def test_a_given_block_that_does_not_fit(write: Write) -> None:
    write("stack", STACK)
    net = "input: 1x3\nuse: stack\nblocks: {mine(size): [Linear: size]}\nlayers:\n"
    net += "  - {stack: {unit: mine, out: 2}}\n"
    write("net", net)
    error = refusal("net")
    assert str(error.place) == "stack.yaml:2:41"
    assert error.message == "unit: mine: there is no argument 'out'"
    assert str(error.use) == "net.yaml:5:6"
    write("net", net.replace("[Linear: size]", "[{stack: {unit: mine, out: 1}}]").replace("size", "out"))
    assert refusal("net").message == "a block can't use itself: stack → mine → stack"


def test_a_library_that_changes_is_read_anew(write: Write) -> None:
    write("own/conv", CONV)
    write("net", NET)
    assert len(paths("net")) == 2
    write("own/conv", CONV.replace(", ReLU", ""))
    assert len(paths("net")) == 1
    Path("own/conv.yaml").unlink()
    assert "no library 'own/conv'" in refusal("net").message


def test_a_block_that_hides_a_layer_type_is_noted_with_its_file(write: Write, run: Command) -> None:
    write("own", "blocks: {ReLU: [Tanh]}\n")
    write("net", "input: 1x3\nuse: own\nlayers: [ReLU]\n")
    done = run("show", "net")
    assert "Tanh" in done.out
    assert done.err == "note: in own.yaml, ReLU: a block of the file's own, not the layer type of that name\n"


# Where it is looked up.


def test_where_a_library_is_looked_up(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside the file, in its folder of architectures, the working folder, architectures/, SHAPECALC_PATH."""
    places = ["nets/family/own", "nets/own", "own", "architectures/own", "elsewhere/own"]
    monkeypatch.setenv(zoo.SEARCH_PATH, os.pathsep.join(["nets", "elsewhere"]))
    for place in places:
        write(f"{place}/conv", CONV)
    write("nets/family/net", NET)
    for place in places:
        (used,) = shapecalc.load("nets/family/net.yaml").libraries
        assert used.document.name == f"{place}/conv.yaml"
        Path(used.document.name).unlink()
    assert "no library 'own/conv'" in refusal("nets/family/net.yaml").message


def test_a_bare_name_is_found_in_folders_of_the_zoo(write: Write) -> None:
    write("net", "input: 1x3x8x8\nuse: conv_bn\nlayers: [conv_bn: 4]\n")
    (used,) = shapecalc.load("net").libraries
    assert used.document.name == str(zoo.shipped() / "blocks" / "conv_bn.yaml")


def test_what_is_shipped_does_not_depend_on_the_working_folder(write: Write) -> None:
    wrong = "blocks: {conv_bn(out_channels): [ReLU]}\n"
    for name in ("blocks/conv_bn", "conv_bn", "architectures/blocks/conv_bn"):
        write(name, wrong)
    folder = str(zoo.shipped())
    for name in zoo.names():
        used = shapecalc.load(name).libraries
        assert all(own.document.name.startswith(folder) for own in used), name


# Lists.


@pytest.mark.usefixtures("few_shipped")
def test_libraries_are_listed_by_themselves(write: Write, run: Command) -> None:
    write("architectures/mine/conv", f"source: a book\nversion: 3\n{CONV}  _own: [ReLU]\n")
    write("architectures/net", "input: 1x3x8x8\nuse: mine/conv\nlayers: [conv: 4]\n")
    listed = json.loads(run("list", "--format", "json").out)
    assert {entry["name"] for entry in listed} == {"net", *zoo.names()}
    found = json.loads(run("list", "--blocks", "--format", "json").out)
    assert found[-1] == {
        "name": "mine/conv",
        "file": "architectures/mine/conv.yaml",
        "version": "3",
        "title": None,
        "source": "a book",
        "notes": None,
        "blocks": {"conv": "conv(out)"},
    }
    assert [own["name"] for own in found] == list(zoo.known_libraries())
    assert run("list", "--blocks", "mine").out == dedent(
        """\
        1 library of blocks

        Library    Block
        mine/conv  conv(out)
                   source: a book
        """
    )
    assert run("list", "--blocks", "mine/conv", "--format", "csv").out.splitlines() == [
        "library,block,version,source",
        "mine/conv,conv(out),3,a book",
    ]


def test_a_library_that_is_wrong_is_told_and_the_others_are_listed(write: Write, run: Command) -> None:
    write("architectures/own/bad", "blocks: {conv: [Conv3: 2]}\n")
    write("architectures/own/good", CONV)
    done = run("list", "--blocks", "own")
    assert done.code == 1
    assert done.err.startswith("error: architectures/own/bad.yaml:1:17: the step 'Conv3' is unknown")
    assert "own/good" in done.out
    assert run("list", "--blocks", "nothing").err.startswith("error: no library matches 'nothing'")


@pytest.mark.usefixtures("few_shipped")
def test_all_that_is_checked_are_networks(write: Write, run: Command) -> None:
    write("architectures/own/conv", CONV)
    write("architectures/net", "input: 1x3x8x8\nuse: own/conv\nlayers: [conv: 4]\n")
    printed = json.loads(run("check", "--format", "json").out)["architectures"]
    assert {entry["name"] for entry in printed} == {"net", *zoo.names()}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("own/conv", "own/conv is a library of blocks, no architecture\n  hint: a network has its blocks by"),
        (
            "conv",
            "conv is a library of blocks, no architecture\n  hint: a network has its blocks by `use: own/",
        ),
        ("architectures/own/conv.yaml", "architectures/own/conv.yaml:1:1: the key 'input' is missing"),
    ],
)
def test_a_library_is_no_network(name: str, message: str, write: Write, run: Command) -> None:
    write("architectures/own/conv", CONV)
    for command in ("show", "check", "explain"):
        assert run(command, name).err.startswith(f"error: {message}")


# Wrong ones.

A, B = "blocks: {a: [ReLU]}", "blocks: {b: [Tanh]}"
WRONG: dict[str, tuple[str, Mapping[str, str], str, str]] = {
    # what: what stands after `use:` in line 2 of net.yaml, libraries, the place, the message
    "none": ("zzz", {}, "net.yaml:2:6", "there is no library 'zzz' beside the file, in the working folder, "),
    "a name like it": ("blocks/conv_bm", {}, "net.yaml:2:6", "there is no library 'blocks/conv_bm' "),
    "a second one": ("[own, zzz]", {"own": A}, "net.yaml:2:12", "there is no library 'zzz' "),
    "a file with .yaml": ("own.yaml", {"own": A}, "net.yaml:2:6", "'own.yaml': the name of a library has no"),
    "out of the folder": ("../own", {}, "net.yaml:2:6", "'../own' can't be the name of a library"),
    "out, further in": ("a/../../own", {}, "net.yaml:2:6", "'a/../../own' can't be the name of a library"),
    "an absolute path": ("/etc/own", {}, "net.yaml:2:6", "'/etc/own' can't be the name of a library"),
    "a home": ("~/own", {}, "net.yaml:2:6", "'~/own' can't be the name of a library"),
    "nothing": ("", {}, "net.yaml:2:5", "use must be the name of a library, or a list of names, not nothing"),
    "a mapping": ("{own: 1}", {"own": A}, "net.yaml:2:6", "use must be the name of a library, or a list of"),
    "twice": ("[own, own]", {"own": A}, "net.yaml:2:12", "the library own is used twice"),
    "itself": ("own", {"own": f"use: own\n{A}"}, "own.yaml:1:6", "a library can't use itself: own → own"),
    "a cycle": (
        "own",
        {"own": f"use: b\n{A}", "b": f"use: c\n{B}", "c": "use: [b]\nblocks: {c: []}"},
        "c.yaml:1:7",
        "a library can't use itself: b → c → b",
    ),
    "the network itself": (
        "net",
        {},
        "net.yaml:2:6",
        "net.yaml is a network, not a library: it has the key ",
    ),
    "another network": (
        "own",
        {"own": "layers: [ReLU]"},
        "net.yaml:2:6",
        "own.yaml is a network, not a libr",
    ),
    "a name of two libraries": (
        "[a, b]",
        {"a": A, "b": "blocks: {c: [ReLU], a: [Tanh]}"},
        "net.yaml:2:10",
        "the block a is in both a.yaml and b.yaml",
    ),
    "a name of its own": (
        "own",
        {"own": "blocks: {mine: [ReLU]}"},
        "net.yaml:3:10",
        "the block mine is also ",
    ),
    "parameters": (
        "own",
        {"own": f"{A}\nparameters: {{k: 3}}"},
        "own.yaml:2:1",
        "the key 'parameters' is unk",
    ),
    "an unknown key": (
        "own",
        {"own": f"{A}\nversoin: 3"},
        "own.yaml:2:1",
        "the key 'versoin' is unknown in a",
    ),
    "no blocks": ("own", {"own": "version: 3"}, "own.yaml:1:1", "the key 'blocks' is missing"),
    "an empty file": (
        "own",
        {"own": ""},
        "net.yaml:2:6",
        "own.yaml: a library is a mapping with the key bloc",
    ),
    "a list": (
        "own",
        {"own": "[ReLU]"},
        "net.yaml:2:6",
        "own.yaml: a library is a mapping with the key bloc",
    ),
    "no YAML": ("own", {"own": "blocks: ["}, "own.yaml:2:1", "this is not YAML: "),
    "a wrong step": ("own", {"own": "blocks: {a: [Conv: 3]}"}, "own.yaml:1:14", "the step 'Conv' is unknown"),
    "one that uses none": ("own", {"own": f"use: zzz\n{A}"}, "own.yaml:1:6", "there is no library 'zzz' "),
    "blocks in a cycle": (
        "own",
        {"own": "blocks: {a: [b], b: [a]}"},
        "own.yaml:1:10",
        "a block can't use itse",
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_is_told_where_it_stands(what: str, write: Write) -> None:
    use, libraries, place, message = WRONG[what]
    for name, text in libraries.items():
        write(name, text)
    write("net", f"input: 1x3\nuse: {use}\nblocks: {{mine: [ReLU]}}\nlayers: [mine]\n")
    error = refusal("net")
    assert str(error.place) == place
    assert error.message.startswith(message)
    used = str(error).splitlines()[-1 - bool(error.hint)]
    assert ("used at net.yaml:2:6" in used) == (not place.startswith("net.yaml"))


def test_hints() -> None:
    text = "{{input: 1x3, use: {}, layers: [ReLU]}}"
    for name, hint in {
        "blocks/conv_bm": "did you mean blocks/conv_bn or ",
        "zzz": "`shapecalc list --blocks` shows what there is",
        "../x": "it is a name as blocks/conv_bn: a file below the folder of this one",
    }.items():
        with pytest.raises(ShapecalcError) as caught:
            shapecalc.parse(text.format(name))
        assert caught.value.hint is not None
        assert caught.value.hint.startswith(hint)


def test_an_error_inside_names_the_library_and_its_use(write: Write) -> None:
    """The outermost use, which is in the network's file, when a library uses another."""
    write("conv", CONV)
    write("pair", "use: conv\nblocks:\n  pair(out):\n    - conv: out\n")
    write("net", "input: 1x3x2x2\nuse: pair\nlayers:\n  - ReLU\n  - pair: 4\n")
    assert str(refusal("net")).splitlines() == [
        "conv.yaml:2:15: Conv2d: the kernel of 3 does not fit on an input of 2",
        "  2 │   conv(out): [Conv2d: {out_channels: out, kernel_size: 3}, ReLU]",
        "    │               ^^^^^^",
        "  at pair[0].conv[0].Conv2d[0]",
        "  used at net.yaml:5:5",
        "  hint: a larger input, more padding or a smaller kernel makes room",
    ]


def test_what_is_no_file_that_is_read(write: Write) -> None:
    write("net", "input: 1x3\nuse: own\nlayers: [a]\n")
    own = Path("own.yaml")
    own.mkdir()
    assert "there is no library 'own'" in refusal("net").message
    own.rmdir()
    os.mkfifo(own)
    assert refusal("net").message == "own.yaml is no file that a library can be in"
    own.unlink()
    own.symlink_to("/dev/zero")
    assert refusal("net").message == "own.yaml is no file that a library can be in"
    own.unlink()
    own.write_bytes(b"blocks: \xff")
    assert refusal("net").message == "own.yaml is no UTF-8 text: byte 8 is 0xff"
    own.write_text(f"{A}\n#{' ' * 300_000}")
    error = refusal("net")
    assert error.message == "the libraries that are used are too many or too large"
    assert error.hint == "at most 100 are read, of at most 200,000 characters together"
    own.unlink()
    own.symlink_to("own.yaml")
    assert "there is no library 'own'" in refusal("net").message


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_library_that_may_not_be_read(write: Write) -> None:
    write("net", "input: 1x3\nuse: own\nlayers: [a]\n")
    write("own", A).chmod(0)
    assert refusal("net").message == "own.yaml can't be read: Permission denied"


@pytest.mark.parametrize("chain", [True, False])
def test_thousands_of_libraries_are_refused(chain: bool, write: Write) -> None:
    names = [f"own{number}" for number in range(1000)]
    for name, after in zip(names, [*names[1:], ""], strict=True):
        write(name, f"{f'use: {after}' if chain and after else ''}\nblocks: {{{name}: [ReLU]}}\n")
    use = names[0] if chain else f"[{', '.join(names)}]"
    write("net", f"input: 1x3\nuse: {use}\nlayers: [own0]\n")
    error = refusal("net")
    assert error.message == "the libraries that are used are too many or too large"
    assert error.place is not None
    assert error.place.file == ("own99.yaml" if chain else "net.yaml")


# The schema.


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        ("blocks: {conv(out): [ReLU]}", True),
        ("{name: A, version: 1.0, source: b, notes: c, use: [blocks/conv_bn, own], blocks: {}}", True),
        ("{input: 1x3, use: own, layers: [own]}", True),
        ("{use: own.yaml, blocks: {}}", False),
        ("{use: ../own, blocks: {}}", False),
        ("{use: [own, own], blocks: {}}", False),
        ("{blocks: {}, versoin: 1}", False),
        ("{input: 1x3, version: 1, layers: [ReLU]}", False),
        ("{blocks: {}, parameters: {}}", False),
    ],
)
def test_the_schema_is_of_libraries_too(text: str, valid: bool) -> None:
    validator = Draft202012Validator(schema(list(zoo.known_libraries())))
    assert validator.is_valid(yaml.safe_load(text)) == valid


@pytest.mark.parametrize("name", zoo.known_libraries())
def test_shipped_libraries_are_valid(name: str) -> None:
    path = zoo.known_libraries()[name]
    assert Draft202012Validator(schema()).is_valid(yaml.safe_load(path.read_text()))
    own = zoo.load_library(name, path)
    assert own.source
    assert own.version
    assert own.title


def test_use_is_completed_with_the_known_libraries(run: Command) -> None:
    use = json.loads(run("schema").out)["properties"]["use"]["anyOf"][0]["anyOf"][0]
    assert use == {"enum": list(zoo.known_libraries())}
    assert all(library.is_library(yaml.safe_load(p.read_text())) for p in zoo.known_libraries().values())
