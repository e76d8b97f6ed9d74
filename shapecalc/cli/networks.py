"""From a command's argument and options to the network that they mean, and to its analysis."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple, TypeAlias

from shapecalc import zoo
from shapecalc.engine.results import Analysis
from shapecalc.engine.run import analyse
from shapecalc.errors import ArchitectureError, ShapecalcError, UsageError, listed, quoted
from shapecalc.language.architecture import Architecture
from shapecalc.language.parameters import given_value
from shapecalc.render import streams
from shapecalc.zoo import Entry

Network: TypeAlias = "str | Entry | Architecture | ShapecalcError"
"""A network as its name, as what was found under it, or as what was read; or why it can't be read."""

Settings: TypeAlias = "tuple[Architecture, str | dict[str, str] | None, dict[str, object]]"
"""What `analyse` takes: the architecture, its input or inputs, and values for its parameters."""


def analysed(network: Network, input: list[str] | None, set: list[str] | None) -> Analysis:
    """The analysis of a network under the texts of its `--input` and `--set`."""
    return analysed_at(*settings(network, input, set))


def analysed_at(
    architecture: Architecture, given: str | dict[str, str] | None, values: dict[str, object]
) -> Analysis:
    """The analysis; one line on standard error says if the given input changes weights of the network."""
    try:
        analysis = analyse(architecture, given, values, brief=True)
    except ArchitectureError as error:
        from shapecalc.analysis.domain.advice import advised

        raise advised(error, architecture, given, values) from None
    if given is not None:
        from shapecalc.analysis.domain.own_weights import change

        if found := change(analysis):
            streams.complain(f"warning: the given input changes the weights, first those of {found}")
    return analysis


def settings(network: Network, input: list[str] | None, set: list[str] | None) -> Settings:
    """What `analyse` takes; lines on standard error say which names of the file hide layer types."""
    if isinstance(network, ShapecalcError):
        raise network
    found = _found(network) if isinstance(network, str) else network
    architecture = found if isinstance(found, Architecture) else zoo.load(found)
    for (file, what), names in architecture.hidden.items():
        streams.note(f"in {file}, {listed(names)}: {what}, not the layer type of that name")
    values = {name: given_value(text) for name, text in assignments(set or [], "--set").items()}
    return architecture, given_input(input or []), values


def all_of(archs: list[str] | None) -> Mapping[str, Network]:
    """The networks that are named, by their names, a file as each of its variants; without names, all."""
    if not archs:
        return zoo.known()
    found: dict[str, Network] = {}
    for arch in archs:
        try:
            entry = _found(arch)
            found.update(zoo.members(arch, entry if isinstance(entry, Entry) else None))
        except ShapecalcError as error:
            found[arch] = error
    return found


def _found(name: str) -> str | Entry:
    """What `load` takes for a name; one line on standard error says if several networks bear it."""
    if name == "-":
        return name
    entry, others = zoo.look_up(name)
    if others:
        which = "the other is" if len(others) == 1 else "the others are"
        line = f"{len(others) + 1} networks are called {name}; this is the first, {which} {listed(others)}"
        streams.note(line)
    return entry


def given_input(texts: list[str]) -> str | dict[str, str] | None:
    """What `--input` gave: one shape, or shapes by name."""
    if len(texts) == 1 and "=" not in texts[0]:
        return texts[0]
    return assignments(texts, "--input") or None


def assignments(texts: list[str], option: str) -> dict[str, str]:
    """What stands on both sides of the equals sign of each text."""
    found: dict[str, str] = {}
    for text in texts:
        name, equals, value = (part.strip() for part in text.partition("="))
        if not equals or not name or not value:
            raise UsageError(f"{option} {quoted(text)} must be of the form NAME=VALUE")
        if name in found:
            raise UsageError(f"{option}: {quoted(name)} is given twice")
        found[name] = value
    return found


class DiffSide(NamedTuple):
    """One side of `diff`: what stands for the network, and its options."""

    name: str
    input: list[str] | None
    set: list[str]
    args: str


def side_of(text: str, input: list[str] | None, set: list[str] | None) -> DiffSide:
    """One side of `diff`; its own options take precedence over those for both."""
    name, *words = re.split(r"\s+(?=-)", text.strip(), maxsplit=1)
    given: dict[str, list[str]] = {"--input": [], "--set": [], "--args": []}
    try:
        import shlex  # which no other command needs

        rest = shlex.split(words[0]) if words else []
    except ValueError as error:
        raise UsageError(f"{quoted(text)}: {str(error).lower()}") from None
    while rest:
        option, equals, value = rest.pop(0).partition("=")
        option = {"-i": "--input", "-s": "--set"}.get(option, option)
        if option not in given or not (equals or rest):
            hint = "a side is written 'ARCH --set NAME=VALUE --input SHAPE'"
            reason = "needs a value" if option in given else "is no option of a side"
            raise UsageError(f"{quoted(text)}: {quoted(option)} {reason}", hint=hint)
        given[option].append(value if equals else rest.pop(0))
    own = {part.partition("=")[0].strip() for part in given["--set"]}
    common = [part for part in set or [] if part.partition("=")[0].strip() not in own]
    return DiffSide(name, given["--input"] or input, given["--set"] + common, "".join(given["--args"][-1:]))
