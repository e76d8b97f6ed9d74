"""`serve`: what is kept from token to token, and what a prompt and a step take, in one screen."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from shapecalc.analysis.serving.caches import Cache
from shapecalc.analysis.serving.capacity import Capacity
from shapecalc.analysis.serving.runs import Pass
from shapecalc.analysis.serving.serving import Serving
from shapecalc.layers.schemes import SCALE
from shapecalc.render.cells import PEAK, count, how_many, of_these, shape, short, size
from shapecalc.render.grid import Column, Grid, Line, print_grid, print_json
from shapecalc.symbolic import Dim, summed
from shapecalc.symbolic.notation import GROUPED, within_product

_COLUMNS = (
    Column("kept", "Kept"),
    Column("kind", "For", spare=1),
    Column("shape", "Shape", shape),
    Column("layers", "Layers", count),
    Column("bytes", "In all", size),
)
_MARGIN = " " * 12


def print_serving(found: Serving, form: str, budget: int | None) -> None:
    """Print the figures; with a budget also what it has room for."""
    if form == "json":
        print_json(found.to_dict(budget))
        return
    capacities = None if budget is None else found.capacities(budget)
    lines = [_line(found, alike) for alike in groups(found.formulas.kept.caches)]
    notes = list(_notes(found))
    if budget is not None and capacities:
        notes += ["", *_room(found, budget, *capacities)]
    print_grid(Grid(_heading(found), _COLUMNS, lines, notes), form)


def _heading(found: Serving) -> str:
    sequences, tokens = how_many(found.batch, "sequence"), how_many(found.context, "token")
    new = f", {found.new:,} of them new" if found.new else ""
    return f"{found.name} · {sequences} of {tokens}{new} · {found.dtype}"


def groups(caches: Sequence[Cache]) -> list[list[Cache]]:
    """What is kept, alike together: on paths that differ in numbers alone, of one shape."""
    found: dict[object, list[Cache]] = {}
    for cache in caches:
        key = (re.sub(r"\[\d+\]", "[]", cache.path), cache.kind, cache.shape, cache.window)
        found.setdefault(key, []).append(cache)
    return list(found.values())


def common_path(paths: Sequence[str]) -> str:
    """A path that stands for several, with a star in place of each number in which they differ."""
    pieces = [re.split(r"(?<=\[)(\d+)(?=\])", path) for path in paths]
    return "".join([parts[0] if len({*parts}) == 1 else "*" for parts in zip(*pieces, strict=True)])


def _line(found: Serving, alike: list[Cache]) -> Line:
    times = sum(cache.times for cache in alike)
    total = found.at(summed([cache.total for cache in alike]))
    path = common_path([cache.path for cache in alike])
    return Line((path, alike[0].kind, alike[0].shape.shape, times, total))


def _notes(found: Serving) -> Iterator[str]:
    yield f"Weights     {size(found.weights)}{_parts(found)}"
    yield f"Cache       {_equal(found.formulas.kept.bytes, found.cache)}{_token(found)}"
    for path in _assumed(found):
        yield f"{_MARGIN}{path}"
    yield from _run(found, "Prefill", "prefill", found.prompt)
    yield from _run(found, "Step", "step", found.context)
    for layer, why in found.bounded.items():
        yield f"{_MARGIN}and what {layer} makes on the way, which {why}"
    if found.written is not None:
        total = f"{count(found.written)} MACs = {short(found.written, 'MACs')}"
        yield f"In all      {total}: the prompt, and {how_many(found.new, 'step')}"


def _parts(found: Serving) -> str:
    if not found.stored.parts:
        return f" in {found.dtype}"
    terms = []
    for part in found.stored.parts:
        scales = f"{size(part.scale_bytes)} of scales in {SCALE}"
        zeros = f", {size(part.zero_bytes)} of zero points" if part.scheme.zeros else ""
        terms.append(f"{size(part.weight_bytes)} in {part.scheme.dtype}, {scales}{zeros}")
    return f": {', '.join(terms)}, {size(found.stored.other_bytes)} of others in {found.dtype}"


def _token(found: Serving) -> str:
    """What a token more adds."""
    kept = found.formulas.kept
    each = summed([cache.times * cache.each for cache in kept.caches])
    if each == 0:
        return ", however many tokens there are"
    windows = ", ".join(f"{window:,}" for window in kept.windows)
    until = f", less from {windows} tokens on" if kept.windows else ""
    stored = f" in {found.kv}" if found.kv != found.dtype else ""
    return f"{stored}; {size(each)} for each token of a sequence{until}"


def _assumed(found: Serving) -> Iterator[str]:
    assumed = found.formulas.kept.assumed
    if assumed:
        more = "" if len(assumed) == 1 else f" and {len(assumed) - 1:,} more like it"
        yield f"if {assumed[0]}{more} sees no later tokens, of which the file says nothing"


def _equal(formula: Dim, value: Dim) -> str:
    """A number of bytes, and the formula that it comes from."""
    if isinstance(formula, int) or not isinstance(value, int):
        return size(value)
    return f"{size(value)} = {size(formula)}"


def _run(found: Serving, title: str, name: str, tokens: Dim) -> Iterator[str]:
    of: Pass = getattr(found.formulas, name)
    macs = found.at(of.macs, tokens)
    batch, letter = found.letters
    general = f"{within_product(of.macs, GROUPED)} MACs"
    yield ""
    if isinstance(macs, int):
        yield f"{title:<12}{count(macs)} MACs = {short(2 * macs, 'FLOPs')} (2 per MAC), {_of(name, tokens)}"
        yield f"{_MARGIN}{general}, {_of(name, letter)} of {batch} sequences"
    else:
        yield f"{title:<12}{general}, {_of(name, tokens)}"
    yield from _peak(found, name)
    yield _moved(macs, found.at(of.moved, tokens))


def _of(name: str, tokens: Dim | str) -> str:
    """Which tokens a run is of."""
    return (
        f"of {how_many(tokens, 'token')}"
        if name == "prefill"
        else f"of the token at position {count(tokens)}"
    )


def _peak(found: Serving, name: str) -> Iterator[str]:
    bound = f"{PEAK} of at least" if found.bounded else PEAK
    peaks, of = found.peak(name), "weights and cache among them"
    if name == "prefill" and found.prompts is not None:
        of += f", {how_many(found.prompts, 'prompt')} at once"
    if len(peaks) == 1:
        yield f"{_MARGIN}{bound} {size(peaks[0])}, {of}"
    else:
        yield f"{_MARGIN}{of_these(bound)}, {of}:"
        yield from (f"{_MARGIN}  {size(peak)}" for peak in peaks)


def _moved(macs: Dim, moved: Dim) -> str:
    if not (isinstance(macs, int) and isinstance(moved, int)):
        return f"{_MARGIN}{size(moved)} of weights and cache moved, each once"
    hundredths = 100 * macs // moved
    each = f"{hundredths // 100:,}.{hundredths % 100:02}"
    return f"{_MARGIN}{each} MACs per byte, of {size(moved)} of weights and cache moved once"


def _room(found: Serving, budget: int, batch: Capacity, context: Capacity) -> Iterator[str]:
    verdict = "it fits" if found.fits(budget) else "it does not fit"
    yield f"On          {size(budget)}: {verdict}"
    tokens = f"of {how_many(found.context, 'token')} each"
    yield f"Batch       {_most(found, budget, batch, tokens, 'sequences')}"
    sequences = "one sequence" if found.batch == 1 else f"each of {count(found.batch)} sequences"
    yield f"Context     {_most(found, budget, context, f'for {sequences}', 'tokens')}"


def _most(found: Serving, budget: int, best: Capacity, of: str, unit: str) -> str:
    bound = "at most " if found.bounded else ""
    if not best.most:
        return f"{bound}0 {unit} {of}: 1 needs {count(best.next)} B"
    one = unit.removesuffix("s") if best.most == 1 else unit
    text = f"{bound}{count(best.most)} {one} {of}, by "
    if best.formula:
        fixed, each = count(best.formula.fixed), count(best.formula.each)
        text += f"⌊({count(budget)} − {fixed})/{each}⌋ = {count(best.most)}"
    else:
        text += f"search: {count(best.needed)} B"
    if best.next is None:
        return f"{text}; the network takes no more"
    return f"{text}; {count(best.most + 1)} need {count(best.next)} B"
