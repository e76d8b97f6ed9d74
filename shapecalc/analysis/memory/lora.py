"""LoRA: two narrow layers beside each of some Linear layers, which alone are trained."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from shapecalc.analysis.roles import ROLES, is_linear, roles_of
from shapecalc.engine.nodes import Node, all_nodes, moved_tree
from shapecalc.engine.results import Analysis, Row, Wire
from shapecalc.engine.run import whole
from shapecalc.errors import UsageError, listed, nearest, quoted
from shapecalc.layers import LAYERS

_RANK = re.compile(r"r=([1-9][0-9]{0,8})", re.ASCII)
_HINT = "--lora r=16 on=query,value; the rank is from 1 to 999,999,999"
_NONE = "the network has no Linear layer"
_INDEX = re.compile(r"\[\d+\]")


class Lora(NamedTuple):
    """Adapters of rank `r` on what has one of the names `on`."""

    r: int
    on: tuple[str, ...]

    def __str__(self) -> str:
        return f"r={self.r} on={','.join(self.on)}"


def read_lora(words: Sequence[str]) -> Lora:
    """The adapters that `r=16 on=query,value` names, in any order.

    Raises:
        UsageError: that is not what the words are.
    """
    ranks = [match for word in words if (match := _RANK.fullmatch(word))]
    names = [word[3:] for word in words if word.startswith("on=") and len(word) > 3]
    if len(ranks) != 1 or len(names) != 1 or not all(names[0].split(",")):
        found = " ".join(words)
        raise UsageError(f"--lora {quoted(found)} is no rank with names", hint=_HINT)
    return Lora(int(ranks[0][1]), tuple(names[0].split(",")))


def adapted(analysis: Analysis, lora: Lora | None) -> Analysis:
    """The network with adapters, as a file would have it, all of whose own weights are frozen.

    A layer y that is chosen becomes

        add: [[y frozen], [Linear: {out_features: r, bias: false}, Linear: {…, bias: false}, mul: 1]]

    where 1 stands for the scale, which takes no memory. Source: Hu et al. 2021, arXiv:2106.09685, 4.1;
    `peft.tuners.lora.layer.Linear`, without dropout.

    Raises:
        UsageError: a name is none of a Linear layer.
    """
    if lora is None:
        return analysis
    if any("[" in name for name in lora.on):  # which may be one of several copies
        analysis = whole(analysis, "--lora")
    return _Adapting(analysis, lora.r, chosen(analysis, lora)).result()


def chosen(analysis: Analysis, lora: Lora) -> frozenset[int]:
    """The numbers of the rows that have one of the names."""
    names = {number: set(_names(analysis, number, roles)) for number, roles in _linear(analysis).items()}
    for name in lora.on:
        if not any(name in own for own in names.values()):
            raise _unknown(analysis, name, names)
    return frozenset([number for number, own in names.items() if own & set(lora.on)])


def _linear(analysis: Analysis) -> Mapping[int, frozenset[str]]:
    roles = roles_of(analysis)
    numbers = [number for number, row in enumerate(analysis.rows) if is_linear(row)]
    return {number: roles.get(number, frozenset()) for number in numbers}


def _names(analysis: Analysis, number: int, roles: frozenset[str]) -> Iterator[str]:
    """What a layer answers to: what it is for, parts and ends of its path, its last name in checkpoints."""
    path = analysis.rows[number].path
    yield from roles
    labels = path.split(".")
    yield from labels
    yield from [_INDEX.sub("", label) for label in labels]
    yield from [".".join(labels[first:]) for first in range(len(labels))]
    yield analysis.architecture.names.there(f"{path}.weight").rpartition(".")[0].rpartition(".")[2]


def _unknown(analysis: Analysis, name: str, names: Mapping[int, set[str]]) -> UsageError:
    known = sorted(set().union(*names.values()))
    there = listed([x for x in ROLES if x in known] or known)
    if any(name in (node.path, node.label, _INDEX.sub("", node.label)) for node in all_nodes(analysis.tree)):
        message = f"--lora on={name}: there is no Linear layer in it, and no other takes adapters"
        return UsageError(message, hint=f"names: {there}" if known else _NONE)
    if name in ROLES:
        message = f"--lora on={name}: no Linear layer of {analysis.name} is the {name} of anything"
        hint = f"there are {there}; MultiheadAttention has its matrices within, blocks/attention as layers"
        return UsageError(message, hint=hint if known else _NONE)
    short = [x for x in known if x and "." not in x and "[" not in x and not x.isdigit()]
    hint = nearest(name, known) or (f"names: {listed(short)}" if short else _NONE)
    return UsageError(f"--lora on={quoted(name)} names no step of {analysis.name}", hint=hint)


_ADDED = 4
"""Rows that come behind each one that is chosen."""


class _Adapting:
    """The rows and the tree of a network with those of its adapters."""

    def __init__(self, analysis: Analysis, r: int, rows: frozenset[int]) -> None:
        self.analysis = analysis
        self.r = r
        self.chosen = rows
        self.starts = [0]
        """Where each row begins among the new ones, and where all end."""
        for number in range(len(analysis.rows)):
            self.starts.append(self.starts[-1] + 1 + _ADDED * (number in rows))

    def result(self) -> Analysis:
        rows = [new for number, row in enumerate(self.analysis.rows) for new in self.rows(number, row)]
        edges = [edge._replace(row=self.last(edge.row)) for edge in self.analysis.output_edges]
        tree = moved_tree(self.analysis.tree, self.starts, self.inside)
        return replace(self.analysis, rows=tuple(rows), tree=tree, output_edges=tuple(edges))

    def last(self, number: int) -> int:
        """The new row that gives what a row gave."""
        return self.starts[number + 1] - 1 if number >= 0 else number

    def rows(self, number: int, row: Row) -> list[Row]:
        sources = tuple([wire._replace(row=self.last(wire.row)) for wire in row.sources])
        shares = None if row.shares is None else self.starts[row.shares]
        base = row._replace(sources=sources, shares=shares, frozen=frozenset(row.learned))
        if number not in self.chosen:
            return [base]
        first, y = self.starts[number], row.output
        down = _row(f"{row.path}.lora_A", "Linear", sources, out_features=self.r, bias=False)
        up = _row(
            f"{row.path}.lora_B", "Linear", (_wire(down, first + 1),), out_features=y.shape[-1], bias=False
        )
        scaled = _row(f"{row.path}.scaling", "mul", (_wire(up, first + 2),), other=1)
        both = _row(f"{row.path}.sum", "add", (Wire(y, first, 0), _wire(scaled, first + 3)))
        return [base._replace(path=f"{row.path}.base_layer"), down, up, scaled, both]

    def inside(self, node: Node) -> tuple[Node, ...]:
        """A node for each of the rows that a chosen layer has become."""
        if node.start not in self.chosen or node.stop != node.start + 1:
            return ()
        rows = enumerate(self.rows(node.start, self.analysis.rows[node.start]), self.starts[node.start])
        return tuple([Node(x.path, x.path.rpartition(".")[2], x.type, x.output, n, n + 1) for n, x in rows])


def _row(path: str, type: str, sources: tuple[Wire, ...], **arguments: Any) -> Row:
    make: Any = LAYERS[type]
    return Row.of(path, make(**arguments), sources)


def _wire(row: Row, number: int) -> Wire:
    return Wire(row.output, number, 0)
