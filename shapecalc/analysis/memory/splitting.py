"""Tensor parallelism: which matrices are split among devices, by their columns or by their rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import gcd
from typing import Any, NamedTuple

from shapecalc.analysis.roles import roles_of
from shapecalc.checkpoints.naming import skeleton
from shapecalc.engine.results import Analysis, Row
from shapecalc.errors import UsageError, listed
from shapecalc.symbolic import Dim
from shapecalc.tensors import Shape, is_floating

COLUMNS, ROWS, VOCABULARY = "columns", "rows", "vocabulary"
"""A device has outputs of a matrix, inputs of it, or rows of a table and the outputs of the last matrix.

Source: Shoeybi et al. 2019, arXiv:1909.08053, section 3; ColumnParallelLinear, RowParallelLinear and
VocabParallelEmbedding of Megatron-LM. The columns of the paper are the rows of torch's (out, in).
"""


class Split(NamedTuple):
    """A weight of which each device has a part."""

    path: str
    shape: Shape
    by: str
    part: Shape


Splits = Mapping[tuple[int, str], Split]
"""By the row's number and the name of the weight."""
_MOST_TRIED = 10_000
"""The most devices of which a hint is made."""


def splits_of(analysis: Analysis, devices: int) -> Splits:
    """The weights that are split among so many devices; all others are whole on each.

    Raises:
        UsageError: heads or features do not divide, or nothing can be split.
    """
    if devices == 1:
        return {}
    splitting = _Splitting(analysis, devices)
    found = {(number, name): split for number, name, split in splitting.all()}
    splitting.refuse_undivided()
    if not found:
        message = f"--tensor {devices}: {analysis.name} has no attention and no perceptron to split"
        raise UsageError(message, hint="--zero and --pipeline take any network")
    return found


class _Splitting:
    def __init__(self, analysis: Analysis, devices: int) -> None:
        self.analysis = analysis
        self.devices = devices
        self.roles = roles_of(analysis)
        self.sizes: set[int] = set()
        """All that the devices have to divide."""
        self.undivided: dict[tuple[int, str], str] = {}
        """Those that they do not, each with the first path that has it."""

    def all(self) -> Iterator[tuple[int, str, Split]]:
        whole = self.latent()
        for number, row in enumerate(self.analysis.rows):
            self.check_heads(row)
            roles = self.roles.get(number, frozenset())
            if roles & {"output", "down"}:
                yield self.split(number, "weight", ROWS, 1)
            elif roles and number not in whole:
                yield from [self.split(number, name, COLUMNS, 0) for name in row.own_weights]
            for end, by in row.layer.splits.items():
                for name in row.own_weights:
                    if f".{name}".endswith(f".{end}"):
                        yield self.split(number, name, by, int(by == ROWS))
        yield from self.vocabulary()

    def latent(self) -> set[int]:
        """The layers whose features are no heads yet: another matrix is behind them, before the attention."""
        return {number for number in self.roles if self.leads_to_matrix(number, set())}

    def leads_to_matrix(self, number: int, seen: set[int]) -> bool:
        for reader in self.analysis.readers.get(number, []):
            row = self.analysis.rows[reader]
            if reader in seen or row.layer.attends:
                continue
            seen.add(reader)
            role = self.roles.get(reader)
            if role is not None:
                if "down" not in role:
                    return True
            elif self.leads_to_matrix(reader, seen):
                return True
        return False

    def check_heads(self, row: Row) -> None:
        """Note heads of an attention that the devices do not divide."""
        if row.layer.attends:
            for what, x in zip(("queries", "keys"), row.inputs, strict=False):
                if x.rank > 2:
                    self.check(x.shape[-3], f"heads of {what}", row.path)
        elif row.layer.splits:
            arguments = row.arguments
            self.check(arguments["num_heads" if "num_heads" in arguments else "nhead"], "heads", row.path)

    def check(self, size: Dim, what: str, path: str) -> None:
        if not isinstance(size, int):
            raise UsageError(f"--tensor {self.devices}: {path} has {size} {what}", hint="give a number")
        self.sizes.add(size)
        if size % self.devices:
            self.undivided.setdefault((size, what), path)

    def refuse_undivided(self) -> None:
        """Refuse all heads and features that the devices do not divide, those of one size once; heads first.

        Raises:
            UsageError: there are some.
        """
        if not self.undivided:
            return
        kinds = sorted(self.undivided.items(), key=lambda kind: "heads" not in kind[0][1])
        ends = [(size, what, ".".join(path.split(".")[-2:])) for (size, what), path in kinds]
        parts = [f"the {size:,} {what}" + f" of {end}" * ("heads of" not in what) for size, what, end in ends]
        common = gcd(*self.sizes)
        fewer = range(min(self.devices - 1, common, _MOST_TRIED), 1, -1)
        fit = next((n for n in fewer if common % n == 0), None)
        hint = f"--tensor {fit} does" if fit else "no number but 1 divides all of them"
        raise UsageError(f"--tensor {self.devices} does not divide {listed(parts)}", hint=hint)

    def split(self, number: int, name: str, by: str, axis: int) -> tuple[int, str, Split]:
        row = self.analysis.rows[number]
        shape = row.weights[name].shape
        self.check(shape[axis], "inputs" if axis else "outputs", row.path)
        return number, name, self.part(row, name, by, axis)

    def part(self, row: Row, name: str, by: str, axis: int) -> Split:
        """The part of a weight along an axis, of what does not divide the largest one."""
        shape: list[Any] = [*row.weights[name].shape]
        shape[axis] = -(-shape[axis] // self.devices)
        return Split(f"{row.path}.{name}", row.weights[name].shape, by, tuple(shape))

    def vocabulary(self) -> Iterator[tuple[int, str, Split]]:
        """The last matrix, and the table with as many rows: filled up to a multiple of the devices."""
        rows = self.analysis.rows
        matrices = [n for n, row in enumerate(rows) if row.macs != 0 and "weight" in row.weights]
        last = max(matrices, default=None)
        if last is None or last in self.roles:
            return
        words = rows[last].weights["weight"].shape[:1]
        own = [n for n, row in enumerate(rows) if _is_table(row) and row.weights["weight"].shape[:1] == words]
        if own:
            ends = [(last, name) for name in rows[last].own_weights]
            for number, name in [*[(n, "weight") for n in own], *ends]:
                yield number, name, self.part(rows[number], name, VOCABULARY, 0)


def _is_table(row: Row) -> bool:
    """Whether whole numbers say which rows of its weight are taken; a norm has a number for each feature."""
    numbers = len(row.inputs) == 1 and not is_floating(row.inputs[0].dtype)
    return numbers and row.macs == 0 and "weight" in row.own_weights


def grouped(splits: Splits, times: Sequence[int]) -> dict[tuple[str, str, Shape, Shape], int]:
    """How many weights of each kind are split: by what, names without numbers, whole and in part.

    `times`: how many layers each row stands for.
    """
    found: dict[tuple[str, str, Shape, Shape], int] = {}
    for (number, _), split in splits.items():
        key = split.by, skeleton(split.path), split.shape, split.part
        found[key] = found.get(key, 0) + times[number]
    return found
