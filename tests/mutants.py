"""Random changes of the zoo's files: each is analysed, or refused by an error of shapecalc's, in two seconds.

    python -m tests.mutants --count 1000000 --processes 2 --seed monday

A mutant is made of its number and the seed, so that one that fails is made again by itself. Most are made
of the smaller files, which are read in a millisecond, and some are put to every command, with letters for
sizes and parameters too.
"""

from __future__ import annotations

import argparse
import random
import re
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from multiprocessing import get_context
from typing import NamedTuple

import shapecalc
from shapecalc import Architecture, ShapecalcError, zoo
from shapecalc.layers import LAYERS
from tests.everything import COMMANDS, answer
from tests.stopwatch import LONGEST, timed

_HANGS = 20.0  # after which it is not waited for any more
_ASKED = 16  # one in so many mutants is put to a command beside the analysis
_TOKEN = re.compile(r"\w+|[^\S\n]+|\n|[^\w\s]")
_WORD = re.compile(r"[A-Za-z_]\w*")
_NUMBER = re.compile(r"(?<![\w.])[0-9]+(?![\w.])")
_NUMBERS = """0 1 2 -1 3 7 64 1000000 2147483648 9223372036854775807 9223372036854775808 0.5 1e3 -0 1_000
99999999999999999999999 0x10 08 .inf .nan true null ~"""
_TEXTS = """N H channels n*n 2*k k//0 min(2,k) [] {} [1,2] [[]] '' " ' : { } [ ] &a *a !t | > # % @ ... --- <<
input parameters variants expect layers blocks seq add concat"""
NUMBERS = _NUMBERS.split()
TEXTS = [
    *_TEXTS.split(),
    *(": ", "- ", ", ", "from: input", "times: 3", "as: x", "share: x", "frozen: true"),
    *("\t", "\x00", "\x1b", "\u2028", "\ufeff", "é", "×", "中", "\U0001f600", "\u202e"),
]


class Mutant(NamedTuple):
    """A changed file, by its seed and number."""

    key: str
    text: str


class Fault(NamedTuple):
    """What went wrong: an error that is none of shapecalc's, or too long a time."""

    key: str
    what: str
    where: str
    text: str


@cache
def corpus() -> tuple[list[str], list[float]]:
    """The zoo's files, the small ones first in weight."""
    texts = [path.read_text() for path in sorted({entry.path for entry in zoo.known().values()})]
    return texts, [1 / len(text) for text in texts]


@cache
def words() -> list[str]:
    """What may stand in the place of a word: every name that a file of the zoo or a layer type has."""
    found = {word for text in corpus()[0] for word in _WORD.findall(text)}
    fields = {name for layer in LAYERS.values() for name in layer.fields}
    return sorted({*found, *LAYERS, *fields})


# Changes.

Change = Callable[[random.Random, str], str]


def replaced(
    rng: random.Random, text: str, place: re.Pattern[str], other: Callable[[random.Random], str]
) -> str:
    """Another in one of the places, if there are any."""
    places = list(place.finditer(text))
    if not places:
        return text
    start, end = rng.choice(places).span()
    return text[:start] + other(rng) + text[end:]


def of_numbers(rng: random.Random, text: str) -> str:
    """A number in the place of a number, or a text."""
    return replaced(rng, text, _NUMBER, lambda rng: rng.choice(NUMBERS if rng.random() < 0.7 else TEXTS))


def of_tokens(rng: random.Random, text: str) -> str:
    """One left out, twice, exchanged with another, or another in its place."""
    tokens = _TOKEN.findall(text)
    i, j = rng.randrange(len(tokens)), rng.randrange(len(tokens))
    match rng.randrange(6):
        case 0:
            del tokens[i]
        case 1:
            tokens.insert(i, tokens[i])
        case 2:
            tokens[i], tokens[j] = tokens[j], tokens[i]
        case 3:
            tokens[i] = tokens[j]
        case 4:
            tokens[i] = rng.choice(words())
        case 5:
            tokens.insert(i, rng.choice(TEXTS))
    return "".join(tokens)


def of_words(rng: random.Random, text: str) -> str:
    """A name in the place of a name: a layer type, an argument, a block."""
    return replaced(rng, text, _WORD, lambda rng: rng.choice(words()))


def of_lines(rng: random.Random, text: str) -> str:
    """One left out, twice, exchanged with another, indented otherwise, or one of another file."""
    lines = text.splitlines(keepends=True)
    i, j = rng.randrange(len(lines)), rng.randrange(len(lines))
    match rng.randrange(6):
        case 0:
            del lines[i]
        case 1:
            lines.insert(j, lines[i])
        case 2:
            lines[i], lines[j] = lines[j], lines[i]
        case 3:
            lines[i] = rng.choice(["  ", " ", "    ", "\t"]) + lines[i]
        case 4:
            lines[i] = lines[i][rng.randint(1, 4) :]
        case 5:
            lines.insert(i, rng.choice(corpus()[0][rng.randrange(len(corpus()[0]))].splitlines()) + "\n")
    return "".join(lines)


def of_characters(rng: random.Random, text: str) -> str:
    """Some of them left out, or any other put in."""
    start = rng.randrange(len(text))
    if rng.random() < 0.5:
        return text[:start] + text[start + rng.randint(1, 8) :]
    return text[:start] + rng.choice([*TEXTS, chr(rng.randrange(1, 0xD800))]) + text[start:]


CHANGES: Sequence[Change] = (of_numbers, of_numbers, of_tokens, of_words, of_words, of_lines, of_characters)


def mutant(seed: str, number: int) -> Mutant:
    """The mutant of that number."""
    key = f"{seed}/{number}"
    rng = random.Random(key)
    (text,) = rng.choices(*corpus())
    for _ in range(rng.choice((1, 1, 2, 3))):
        text = rng.choice(CHANGES)(rng, text) or " "
    return Mutant(key, text)


# What is asked of one.


def settings(rng: random.Random, network: Architecture) -> tuple[list[str] | None, list[str] | None]:
    """The file's own, or letters for some sizes of its inputs and for some of its parameters."""
    if rng.random() < 0.3:
        return None, None
    inputs = []
    for name, spec in network.inputs.items():
        sizes = [size.text if rng.random() < 0.5 else rng.choice("NHWLC") for size in spec.sizes]
        inputs.append(f"{name}=" + "x".join(size if size.isalnum() else f"({size})" for size in sizes))
    values = [f"{name}={rng.choice('KPQ')}" for name in network.parameters if rng.random() < 0.3]
    return (inputs if rng.random() < 0.7 else None), values


def questions(made: Mutant) -> Iterator[tuple[str, Callable[[], object]]]:
    """What is asked of a mutant, by what it is called; each may be refused."""
    rng = random.Random(f"{made.key}?")
    found: dict[str, Architecture] = {}
    yield "parse", lambda: found.update(network=shapecalc.parse(made.text, "mutant.yaml"))
    if not found:
        return
    network = found["network"]
    yield "analyse", lambda: shapecalc.analyse(network)
    if rng.randrange(_ASKED) == 0:
        command = rng.choice(list(COMMANDS))
        given = settings(rng, network)
        yield f"{command} {given}", partial(answer, command, network, *given)


def examine(made: Mutant) -> list[Fault]:
    """What goes wrong with a mutant."""
    faults = []
    for name, ask in questions(made):
        if where := wrong(ask):
            faults.append(Fault(made.key, name, where, made.text))
    return faults


def wrong(ask: Callable[[], object]) -> str:
    """The error that a question ends with, if none of shapecalc's, or its seconds, if too many."""
    signal.setitimer(signal.ITIMER_VIRTUAL, _HANGS)
    try:
        _, seconds = timed(partial(_refused, ask), LONGEST)
    except Exception as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        return f"{type(error).__name__}: {error} ({last.filename}:{last.lineno})"
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    return f"{seconds:.1f} s" if seconds > LONGEST else ""


def _refused(ask: Callable[[], object]) -> str | None:
    """What a question is answered with, if it is refused."""
    try:
        ask()
    except ShapecalcError as error:
        return str(error)
    return None


def stop_hangs() -> None:
    """Have what takes too long end with an error, from here on."""
    signal.signal(signal.SIGVTALRM, _stop)


def _stop(*_: object) -> None:
    raise TimeoutError(f"more than {_HANGS:.0f} s")


def examined(seed: str, numbers: range) -> list[Fault]:
    """What goes wrong with these mutants."""
    stop_hangs()
    return [fault for number in numbers for fault in examine(mutant(seed, number))]


def run(seed: str, count: int, processes: int = 1, batch: int = 500) -> Iterator[list[Fault]]:
    """What goes wrong with so many mutants, batch by batch."""
    batches = [range(start, min(start + batch, count)) for start in range(0, count, batch)]
    if processes == 1:
        yield from (examined(seed, numbers) for numbers in batches)
        return
    with get_context("fork").Pool(processes, maxtasksperchild=20) as pool:
        yield from pool.imap_unordered(partial(examined, seed), batches)


def main() -> int:
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=form)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", default=str(time.time_ns()))
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--show", metavar="SEED/NUMBER", help="print that mutant and what goes wrong with it")
    given = parser.parse_args()
    return _show(given.show) if given.show else _report(given.seed, given.count, given.processes)


def _show(key: str) -> int:
    seed, _, number = key.rpartition("/")
    faults = examined(seed, range(int(number), int(number) + 1))
    print(mutant(seed, int(number)).text, *(f"{fault.what}: {fault.where}" for fault in faults), sep="\n")
    return int(bool(faults))


def _report(seed: str, count: int, processes: int) -> int:
    """Run them; of each kind of fault, the first three are printed."""
    start, kinds = time.perf_counter(), Counter[str]()
    for fault in (fault for faults in run(seed, count, processes) for fault in faults):
        kind = re.sub(r"^[0-9.]+ s$", "too long", fault.where)
        kinds[kind] += 1
        if kinds[kind] <= 3:
            print(f"{fault.key} {fault.what!r}: {fault.where}", flush=True)
    seconds = time.perf_counter() - start
    print(f"{count:,} mutants of seed {seed} in {seconds:,.0f} s; faults: {dict(kinds) or 'none'}")
    return int(bool(kinds))


if __name__ == "__main__":
    sys.exit(main())
