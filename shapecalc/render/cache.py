"""`explain --cache`: what is kept from token to token, tensor by tensor, and why it is so many bytes."""

from __future__ import annotations

from collections.abc import Iterator

from shapecalc.analysis.serving.caches import GIVEN, KEYS, STATE, Cache
from shapecalc.analysis.serving.serving import Serving
from shapecalc.render.cells import size
from shapecalc.render.grid import print_json
from shapecalc.render.serving import common_path, groups
from shapecalc.render.streams import writable
from shapecalc.render.wrapping import hung, screen
from shapecalc.symbolic import summed
from shapecalc.symbolic.notation import UNICODE, as_factor, shape_text
from shapecalc.tensors import product

_WHY = {
    KEYS: "keys and values: each of them is read for every later token",
    STATE: "a state, which goes from each token to the next: of one size however many there are",
    GIVEN: "made of another input, which no token changes",
}


def print_cache(found: Serving, form: str) -> None:
    """Print what is kept, and why."""
    kept = found.formulas.kept
    if form == "json":
        print_json({"name": found.name, **found.to_dict()["cache"]})
        return
    batch, tokens = found.letters
    lines = [f"{found.name}: what {batch} sequences of {tokens} tokens keep, in {found.kv}", ""]
    for alike in groups(kept.caches):
        lines += [*_explained(found, alike), ""]
    total = " + ".join([size(summed([c.total for c in alike])) for alike in groups(kept.caches)])
    lines.append(f"  Together    {total} = {size(kept.bytes)}")
    width = screen()
    print("\n".join(writable(part) for line in lines for part in hung(line, width, 14)))


def _explained(found: Serving, alike: list[Cache]) -> Iterator[str]:
    one, times = alike[0], sum(cache.times for cache in alike)
    yield common_path([cache.path for cache in alike])
    yield f"  Why         {_WHY.get(one.kind) or _window(one)}"
    yield f"  Read by     {_readers(alike)}"
    yield f"  Shape       {shape_text(one.shape.shape)}"
    factors = "⋅".join(as_factor(n, UNICODE) for n in one.shape.shape)
    element = one.bytes // product(one.shape.shape)
    layers = f", of {times} layers {size(times * one.bytes)}" if times > 1 else ""
    yield f"  Bytes       {factors} elements of {element} B = {size(one.bytes)}{layers}"
    if one.kind == KEYS:
        yield f"  Tokens      {_tokens(found, one)}"
    if one.becomes:
        shapes = " and ".join(shape_text(x.shape) for x in one.becomes)
        yield f"  Instead of  {shapes}, which are made of it, anew in each step"


def _window(cache: Cache) -> str:
    return f"the last {cache.window} tokens, which a window that slides over them reads"


def _readers(alike: list[Cache]) -> str:
    readers = zip(*[cache.read for cache in alike], strict=False)
    return ", ".join(common_path(paths) for paths in readers) or "what is made of it"


def _tokens(found: Serving, cache: Cache) -> str:
    if cache.window is not None:
        return f"a mask hides those that are {cache.window} places back or more: the last {cache.window} stay"
    assumed = tuple([path for whole in found.formulas.kept.assumed for path in (whole, f"{whole}.")])
    if any(path in assumed or path.startswith(assumed[1::2]) for path in cache.read):
        return "all, if no token sees later ones, of which the file says nothing"
    return "all, since a token sees all before it, and none after it"
