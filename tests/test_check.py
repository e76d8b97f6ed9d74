"""`check` and budgets: figures and bounds, on their edges, and the layers that weigh most."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as Xml

import pytest

import shapecalc
from shapecalc import zoo
from shapecalc.analysis.compare.expected import broken
from tests.command import Command, Finished

NET = """
input: 1x3x32x32
layers:
  - Conv2d: {out_channels: 16, kernel_size: 3}
  - ReLU
  - Conv2d: {out_channels: 32, kernel_size: 3}
  - AdaptiveAvgPool2d: 1
  - Flatten
  - Linear: 10
"""
PARAMS = 16 * 27 + 16 + 32 * 144 + 32 + 320 + 10
MACS = 30 * 30 * 16 * 27 + 28 * 28 * 32 * 144 + 320


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Command:
    monkeypatch.chdir(tmp_path)
    return Command(monkeypatch, capsys)


def write(expect: str, name: str = "net", text: str = NET) -> None:
    Path(f"{name}.yaml").write_text(f"expect: {expect}\n{text}")


@pytest.mark.parametrize(
    ("expect", "broken"),
    [
        (f"{{params: {PARAMS}, macs: {MACS}, output: 1x10}}", []),
        (f"{{params: {PARAMS - 1}}}", ["params"]),
        (f"{{macs: {MACS + 1}}}", ["macs"]),
        ("{output: 1x11}", ["output"]),
        ("{output: 1x10x1}", ["output"]),
        (f"{{params: {{max: {PARAMS}}}}}", []),
        (f"{{params: {{max: {PARAMS - 1}}}}}", ["params"]),
        (f"{{params: {{min: {PARAMS}}}}}", []),
        (f"{{params: {{min: {PARAMS + 1}}}}}", ["params"]),
        (f"{{macs: {{min: {MACS}, max: {MACS}}}}}", []),
        (f"{{macs: {{min: {MACS + 1}, max: {MACS + 9}}}, params: {{max: 0}}}}", ["params", "macs"]),
        ("{source: nowhere}", []),
    ],
)
def test_bounds_on_their_edges(expect: str, broken: list[str], run: Command) -> None:
    write(expect)
    done = run("check", "net", "--format", "json")
    printed = json.loads(done.out)
    assert [breach["what"] for breach in printed["architectures"][0]["broken"]] == broken
    assert (done.code, printed["status"]) == ((1, "broken") if broken else (0, "ok"))
    verdict = run("verify", "net", "--device", "meta", "--format", "json")
    assert verdict.code == done.code
    mismatches = json.loads(verdict.out)["architectures"][0]["mismatches"]
    assert [mismatch["what"] for mismatch in mismatches] == [f"expect {what}" for what in broken]


def test_what_is_printed(run: Command) -> None:
    write("{params: {max: 1000}, macs: {min: 5000000}, output: 1x11}")
    assert (
        run("check", "net", "lenet").out
        == """\
Checked against what the files expect

Architecture  Status  Figures checked       Figures broken
net           broken  params, macs, output               3
lenet         ok      params, macs, output               0

net: params 5,418, expected at most 1,000: 4,418 too many
  Conv2d[1]  4,640  85.6%
  Conv2d[0]    448   8.3%
  Linear[0]    330   6.1%
net: macs 4,001,792, expected at least 5,000,000: 998,208 too few
  Conv2d[1]  3,612,672  90.3%
  Conv2d[0]    388,800   9.7%
  Linear[0]        320  <0.1%
net: output 1×10, expected 1×11
1 of 2 architectures are as their files expect
"""
    )


def test_verify_says_what_weighs_most(run: Command) -> None:
    write("{params: {max: 1000}}")
    done = run("verify", "net", "--device", "meta", columns=200)
    assert done.code == 1
    assert (
        "net: expect params: expected at most 1000, measured 5418; "
        "most in Conv2d[1] (4640), Conv2d[0] (448), Linear[0] (330)\n"
    ) in done.out


def test_the_json_of_bounds(run: Command) -> None:
    write("{params: {max: 1000}}")
    entry: Any = json.loads(run("check", "net", "--format", "json").out)["architectures"][0]
    assert entry == {
        "name": "net",
        "status": "broken",
        "checked": ["params"],
        "broken": [
            {
                "what": "params",
                "expected": {"max": 1000},
                "computed": PARAMS,
                "heaviest": [
                    {"path": "Conv2d[1]", "params": 4640},
                    {"path": "Conv2d[0]", "params": 448},
                    {"path": "Linear[0]", "params": 330},
                ],
            }
        ],
    }
    entry = json.loads(run("verify", "net", "--device", "meta", "--format", "json").out)["architectures"][0]
    assert entry["mismatches"][0]["expected"] == {"max": 1000}
    assert entry["mismatches"][0]["heaviest"] == {"Conv2d[1]": 4640, "Conv2d[0]": 448, "Linear[0]": 330}


@pytest.mark.parametrize("what", ["params", "macs"])
def test_the_heaviest_are_those_of_show(what: str, run: Command) -> None:
    text = (zoo.shipped() / "googlenet.yaml").read_text().replace("expect:", "notes:\n  |")
    text = "\n".join(line for line in text.splitlines() if not line.startswith(("notes", "  |")))
    write(f"{{{what}: {{max: 1}}}}", text=text)
    rows = list(csv.DictReader(io.StringIO(run("show", "net", "--format", "csv").out)))
    heaviest = sorted((int(row[what]) for row in rows), reverse=True)[:5]
    (mismatch,) = broken(shapecalc.analyse(shapecalc.load("net")))
    assert [count for _, count in mismatch.heaviest] == heaviest
    by_path = {row["path"]: int(row[what]) for row in rows}
    assert all(by_path[path] == count for path, count in mismatch.heaviest)


@pytest.mark.usefixtures("few_shipped")
def test_without_names_everything_is_checked(run: Command) -> None:
    Path("architectures").mkdir()
    write("{params: {max: 1}}", "architectures/large")
    Path("architectures/wrong.yaml").write_text("input: 1x4\nlayers: [Conv2d: 3]\n")
    done = run("check", "--format", "json")
    printed = json.loads(done.out)["architectures"]
    assert done.code == 1
    assert {entry["name"] for entry in printed} == {*zoo.names(), "large", "wrong"}
    assert {e["name"]: e["status"] for e in printed if e["status"] != "ok"} == {
        "large": "broken",
        "wrong": "error",
    }
    assert "wrong.yaml:2:10: Conv2d: kernel_size is missing" in done.err


def test_the_shipped_zoo_is_as_its_files_expect(run: Command) -> None:
    done = run("check")
    assert (done.code, done.err) == (0, "")


@pytest.mark.parametrize(("name", "code"), [("nope", 2), ("-x", 2), ("wrong", 1)])
def test_what_cannot_be_checked(name: str, code: int, run: Command) -> None:
    Path("wrong.yaml").write_text("input: 1x4\nlayers: [Conv2d: 3]\n")
    assert run("check", name).code == code
    assert run("check", name, "lenet").code == code


def test_a_figure_that_is_a_formula(run: Command) -> None:
    write("{params: {max: 6000}}", text=NET.replace("1x3x32x32", "Nx3xHxW"))
    assert run("check", "net").code == 0
    write("{macs: {max: 6000}}", text=NET.replace("1x3x32x32", "Nx3xHxW"))
    done = run("check", "net")
    assert done.code == 2
    assert "error: net: a formula can't be checked, and macs are " in done.err
    assert "hint: give numbers in place of H, N, W: input: 1x3x224x224" in done.err


def test_the_bounds_of_a_variant(run: Command) -> None:
    Path("family.yaml").write_text(
        "input: 1x4\nparameters: {n: 10}\nexpect: {params: {max: 50}, output: 1x10}\n"
        "variants: {a: {}, b: {n: 11, expect: {output: 1x11}},"
        " c: {n: 11, expect: {params: 55, output: 1x11}}}\n"
        "layers: [Linear: n]\n"
    )
    printed = json.loads(run("check", "a", "b", "c", "--format", "json").out)["architectures"]
    assert [(e["name"], [breach["what"] for breach in e["broken"]]) for e in printed] == [
        ("a", []),
        ("b", ["params"]),
        ("c", []),
    ]


def test_check_leaves_torch_alone(tmp_path: Path) -> None:
    code = (
        "import sys; from shapecalc.__main__ import main\ntry: main()\nfinally: print('torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "check", "lenet", "bert-base", "llm/gpt2", "imagenet/resnet18"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.splitlines()[-1] == "False"


FAMILY = """
input: 1x10
parameters: {width: 2}
variants:
  narrow: {expect: {params: 22}}
  wide: {width: 12, expect: {params: 133}}
layers:
  - Linear: width
"""


def named(done: Finished) -> dict[str, str]:
    return {entry["name"]: entry["status"] for entry in json.loads(done.out)["architectures"]}


@pytest.mark.parametrize(
    ("words", "wrong"), [(("check",), "broken"), (("verify", "--device", "meta"), "mismatch")]
)
def test_a_file_is_all_of_its_variants(words: tuple[str, ...], wrong: str, run: Command) -> None:
    Path("family.yaml").write_text(FAMILY)
    for name in ("family", "family.yaml", "./family.yaml", str(Path("family.yaml").absolute())):
        done = run(*words, name, "--format", "json")
        assert done.code == 1
        assert named(done) == {f"{name}: narrow": "ok", f"{name}: wide": wrong}
    assert named(run(*words, "narrow", "--format", "json")) == {"narrow": "ok"}
    done = run(*words, "wide", "./narrow", "--format", "json")
    assert (done.code, named(done)) == (1, {"wide": wrong, "./narrow": "ok"})
    assert "\n1 of 2 architectures " in run(*words, "family").out


def test_a_variant_of_the_files_name(run: Command) -> None:
    """The name is the file's, and so is all of it; for other commands, that variant."""
    Path("wide.yaml").write_text(FAMILY)
    done = run("check", "wide", "--format", "json")
    assert named(done) == {"wide: narrow": "ok", "wide: wide": "broken"}
    assert json.loads(run("show", "wide", "--format", "json").out)["totals"]["params"] == 132


def test_variants_on_standard_input(run: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(FAMILY.encode())))
    done = run("check", "-", "--format", "json")
    assert (done.code, named(done)) == (1, {"-: narrow": "ok", "-: wide": "broken"})


def test_a_report_has_each_variant(run: Command) -> None:
    Path("family.yaml").write_text(FAMILY)
    assert run("verify", "family", "--device", "meta", "--junit", "report.xml").code == 1
    suite = Xml.parse("report.xml").getroot()[0]
    assert (suite.get("tests"), suite.get("failures")) == ("2", "1")
    failed = {case.get("name"): len(case) for case in suite}
    assert failed == {"family: narrow": 0, "family: wide": 1}


def test_what_can_be_checked_is_beside_what_cannot(run: Command) -> None:
    Path("family.yaml").write_text(FAMILY)
    Path("bad.yaml").write_text("input: [\n")
    done = run("check", "nope", "family", "bad", "--format", "json")
    assert done.code == 1
    statuses = {"nope": "error", "family: narrow": "ok", "family: wide": "broken", "bad": "error"}
    assert named(done) == statuses


def test_list_of_a_file(run: Command) -> None:
    Path("family.yaml").write_text(FAMILY)
    rows = json.loads(run("list", "./family.yaml", "--format", "json").out)
    assert [(r["name"], r["totals"]["params"]) for r in rows] == [
        ("./family.yaml: narrow", 22),
        ("./family.yaml: wide", 132),
    ]
    Path("architectures").mkdir()
    Path("family.yaml").rename("architectures/family.yaml")
    for name in ("family", "family.yaml"):
        assert [r["name"] for r in json.loads(run("list", name, "--format", "json").out)] == [
            "narrow",
            "wide",
        ]
