"""A use of a block that copies the rows of another has those that it has when its steps are executed."""

from __future__ import annotations

import random
from textwrap import dedent

import pytest

import shapecalc
from shapecalc.engine.copies import Use
from shapecalc.engine.execution import Execution
from shapecalc.engine.results import Analysis
from shapecalc.errors import ShapecalcError
from tests.dice import SEED, count, one_way
from tests.networks import ONE_OF_EACH

_CASES = count(60, 3000)


def step(rng: random.Random, blocks: int, depth: int = 2) -> str:
    """A step, most of which leave 2×4 as it is; it may use blocks of a lower number, of which 0 is `two`."""
    inner = ", ".join(step(rng, blocks, depth - 1) for _ in range(rng.randint(1, 2))) if depth else "ReLU"
    name = rng.choice(["outer", "outer", "x.0", "x.1"])
    width = rng.choice(["4", "4", "4", "4", "out", "5"])
    plain = [
        "Linear: 4",
        "Linear: out",
        f"Linear as x.{rng.randrange(2)}: 4",
        f"Linear share {name}: 4",
        f"Linear from {name}: 4",
        f"add: [[], {name}]",
        f"add: [[], [{inner}]]",
        f"seq times {rng.choice([0, 2, 16])}: [{inner}]",
        f'"seq for i in [4, 4, 5]": [Linear: i, {inner}, Linear: 4]',
        f"seq frozen: [{inner}]",
    ]
    used = [
        f"b{rng.randrange(1, blocks)}{beside}: {{out: {width}}}"
        for beside in (
            "",
            "",
            " times 2",
            " times 20",
            " frozen",
            f" from {name}",
            " as x.0",
            f" share {name}",
        )
        if blocks > 1
    ]
    both = [f'"b0 from outer, {name}": 4', f'"b0 as x.0, x.1": {{left: {name}, out: {width}}}']
    return rng.choice([*plain, *used, *both])


def network(rng: random.Random) -> str:
    blocks = rng.randint(2, 5)
    lines = [
        "input: 2x4",
        "parameters: {out: 4}",
        "blocks:",
        "  b0(left, right; out) -> new, left: [Linear: out, add as new: [[], right], ReLU]",
    ]
    for number in range(1, blocks):
        steps = ", ".join(step(rng, number) for _ in range(rng.randint(1, 3)))
        lines += [f"  b{number}(out): [Linear: out, {steps}, Linear: 4]"]
    lines += ["layers:", *(f"  - Linear as {name}: 4" for name in ("x.0", "x.1", "outer"))]
    lines += [f"  - {step(rng, blocks)}" for _ in range(rng.randint(2, 6))]
    return "\n".join(lines) + "\n"


def found(text: str, brief: bool) -> Analysis | str:
    try:
        return shapecalc.analyse(shapecalc.parse(text), brief=brief)
    except ShapecalcError as error:
        return str(error)


def executed(text: str, brief: bool, monkeypatch: pytest.MonkeyPatch) -> Analysis | str:
    """The same with all uses of blocks executed."""
    with monkeypatch.context() as patched:
        patched.setattr(Execution, "alike", lambda *_: None)
        return found(text, brief)


def check(text: str, brief: bool, monkeypatch: pytest.MonkeyPatch) -> Analysis | str:
    copies, own = found(text, brief), executed(text, brief, monkeypatch)
    if isinstance(copies, str) or isinstance(own, str):
        assert copies == own, text
        return copies
    for what in ("rows", "tree", "outputs", "output_edges", "conditions"):
        assert getattr(copies, what) == getattr(own, what), f"{what} of {text}"
    return copies


@pytest.mark.parametrize("number", range(_CASES))
def test_random_blocks_have_the_rows_of_their_steps(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    text = network(random.Random(f"{SEED}/repeated/{number}"))
    for brief in one_way(number, (False, True)):
        check(text, brief, monkeypatch)


@pytest.mark.one_in(3)
@pytest.mark.parametrize("name", ONE_OF_EACH)
def test_networks_of_the_zoo_have_the_rows_of_their_steps(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    architecture = shapecalc.load(name)
    copies = shapecalc.analyse(architecture, brief=True)
    monkeypatch.setattr(Execution, "alike", lambda *_: None)
    own = shapecalc.analyse(architecture, brief=True)
    assert (copies.rows, copies.tree, copies.output_edges) == (own.rows, own.tree, own.output_edges)


CASES = {
    "letters": """
        input: NxC
        blocks:
          norm(groups): [GroupNorm: groups, Linear: channels]
        layers: [norm: 2, norm: 2, norm: 4, norm: 2]
        """,
    "one tensor twice": """
        input: 2x4
        blocks:
          pair(a, b;) -> sum, a: [add as sum: [a, b]]
        layers:
          - Linear as x: 4
          - Linear as y: 4
          - pair from x, x
          - pair from x, y
          - pair from y, y
          - pair from y, x
        """,
    "names from around": """
        input: 2x4
        blocks:
          inner: [add: [[], near], Linear: 4]
          outer: [Linear as near: 4, inner, inner]
        layers: [outer, outer]
        """,
    "share within": """
        input: 2x4
        blocks:
          twice: [Linear as one: 4, Linear share one: 4]
        layers: [twice, twice, twice]
        """,
    "share of a copy": """
        input: 2x4
        blocks:
          one(out): [Linear: out]
        layers: [one as a: 4, one: 4, one share a: 4, one: 4]
        """,
    "weights": """
        input: 2x64
        blocks:
          one(out): [Linear: out]
        layers: [one: 64, one weights int8: 64, one: 64, one weights int8: 64]
        """,
    "experts": """
        input: 2x8x4
        blocks:
          one(out): [Linear: out]
        layers:
          - one: 4
          - experts: {num_experts: 4, top_k: 2, expert: [one: 4]}
          - experts: {num_experts: 2, top_k: 1, expert: [one: 4]}
          - one: 4
        """,
    "true is not 1": """
        input: 2x4
        blocks:
          one(bias): [Linear: {out_features: 4, bias: bias}]
        layers: [one: true, one: 1]
        """,
    "a block that was well elsewhere is inside of itself": """
        input: 2x4
        blocks:
          hold(unit): [unit]
          rest: [hold: ReLU]
        layers: [rest, hold: rest]
        """,
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("brief", [False, True])
def test_cases(name: str, brief: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    check(dedent(CASES[name]), brief, monkeypatch)


def copies_made(text: str, monkeypatch: pytest.MonkeyPatch) -> int:
    """How many uses of blocks were copied, of a network that has an analysis."""
    made: list[Use] = []
    copied = Use.copied

    def noted(self: Use, *where: object) -> Use:
        made.append(self)
        return copied(self, *where)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(Use, "copied", noted)
        assert isinstance(check(dedent(text), False, monkeypatch), Analysis)
    return len(made)


@pytest.mark.parametrize(
    ("name", "copies"),
    [("letters", 2), ("one tensor twice", 2), ("names from around", 1), ("share within", 2)],
)
def test_what_does_the_same_is_copied(name: str, copies: int, monkeypatch: pytest.MonkeyPatch) -> None:
    assert copies_made(CASES[name], monkeypatch) == copies
