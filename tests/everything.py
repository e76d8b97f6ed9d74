"""All that the command line can say of a network, said at once: what may be refused, and nothing else."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping
from contextlib import redirect_stderr, redirect_stdout
from typing import Any

import typer

from shapecalc import Architecture, ShapecalcError, analyse
from shapecalc.analysis.compare.difference import compare
from shapecalc.cli import costs, formulas, show, solving
from shapecalc.cli.networks import settings
from shapecalc.render.diff import print_diff

COLUMNS = (
    "layer,path,type,arguments,input,output,dtype,weights,params,params_share,buffers,macs,macs_share,flops,"
    "receptive,receptive_stride,receptive_start"
)


def diff(network: Any, input: list[str] | None, set: list[str] | None) -> None:
    """With the network as its file has it."""
    found = compare(analyse(network), analyse(*settings(network, input, set)))
    print_diff(found, found, ("a", "b"), "table", True)


def solve(network: Any, input: list[str] | None, set: list[str] | None) -> None:
    """Of an output of any sizes."""
    rank = analyse(*settings(network, input, set)).outputs[0].rank
    wanted = "x".join(f"Z{axis}" for axis in range(rank)) or "Z"
    solving.solve(network, wanted, input=input, set=set)


COMMANDS: Mapping[str, Callable[[Any, list[str] | None, list[str] | None], object]] = {
    "show": lambda n, i, s: show.show(n, i, s, columns=COLUMNS),
    "show as JSON": lambda n, i, s: show.show(n, i, s, format="json"),
    "params": show.network_params,
    "flops": lambda n, i, s: costs.flops(n, i, s, backward=True),
    "flops of all": lambda n, i, s: costs.flops(n, i, s, convention="all", backward=True),
    "memory": lambda n, i, s: costs.memory(n, i, s, depth=None),
    "memory in training": lambda n, i, s: costs.memory(n, i, s, train=True, optimizer="adam", fit="24GiB"),
    "memory with amp": lambda n, i, s: costs.memory(n, i, s, dtype="amp", batch=2, train=True),
    "receptive": costs.receptive,
    "domain": formulas.domain,
    "solve": solve,
    "explain": lambda n, i, s: show.explain(n, None, i, s),
    "explain as LaTeX": lambda n, i, s: show.explain(n, None, i, s, format="latex"),
    "diff": diff,
}


def answer(command: str, network: Architecture, input: list[str] | None, set: list[str] | None) -> str | None:
    """What a command prints of a network, None where it refuses; anything else that it raises is a fault."""
    printed = io.StringIO()
    try:
        with redirect_stdout(printed), redirect_stderr(printed):
            COMMANDS[command](network, input, set)
    except typer.Exit:
        pass
    except ShapecalcError:
        return None
    return printed.getvalue()


def answers(
    network: Architecture, input: list[str] | None = None, set: list[str] | None = None
) -> Iterator[tuple[str, str | None]]:
    """What each command prints of a network with these settings."""
    for command in COMMANDS:
        yield command, answer(command, network, input, set)
