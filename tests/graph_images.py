"""Steps of random networks that move what is where in images: padding, resizing, unpooling, folding."""

from __future__ import annotations

from typing import Any

from tests.graph_drafts import Draft, Net


def padding(net: Net) -> Draft | None:
    """On all sides alike or not; crops where the type lets it."""
    axes = net.rng.choice((1, 2, 2, 3))
    kind = net.rng.choice(("Zero", "Constant", "Reflection", "Replication", "Circular"))
    picked = net.pick(axes + 2, axes + 1)
    sides = [net.rng.choice((0, 1, 1, 2, -1)) for _ in range(2 * axes)]
    arguments: dict[str, Any] = {"padding": net.rng.choice((1, sides))}
    if kind == "Constant":
        arguments["value"] = 0.5
    return picked and Draft(f"{kind}Pad{axes}d", arguments, (picked[0],))


def pad(net: Net) -> Draft | None:
    picked = net.pick()
    sides = [net.rng.choice((0, 1, 2, -1)) for _ in range(2 * net.rng.choice((1, 2)))]
    mode = net.rng.choice(("constant", "constant", "reflect", "replicate", "circular"))
    return picked and Draft("pad", {"pad": sides, "mode": mode}, (picked[0],))


def resizing(net: Net) -> Draft | None:
    """To a size or by a factor, in a mode for so many axes."""
    axes = net.rng.choice((1, 2, 2, 3))
    picked = net.pick(axes + 2)
    smooth = {1: ("linear",), 2: ("bilinear", "bicubic"), 3: ("trilinear",)}[axes]
    mode = net.rng.choice(("nearest", "nearest-exact", "area", *smooth))
    arguments: dict[str, Any] = net.rng.choice(({"scale_factor": 2}, {"scale_factor": 0.5}, {"size": 3}))
    if mode in smooth and net.flag():
        arguments = {**arguments, "align_corners": net.flag()}
    kind = net.rng.choice(("Upsample", "interpolate"))
    return picked and Draft(kind, {**arguments, "mode": mode}, (picked[0],))


def enlarging(net: Net) -> Draft | None:
    picked, kind = net.pick(4), net.rng.choice(("UpsamplingNearest2d", "UpsamplingBilinear2d"))
    return picked and Draft(kind, {"scale_factor": net.rng.choice((1, 2))}, (picked[0],))


def unpooling(net: Net) -> Draft | None:
    """Of maxima and whole numbers of their shape: indices, or any others."""
    axes = net.rng.choice((1, 2, 3))
    maxima = net.pick(axes + 2, axes + 1)
    indices = maxima and net.whole(maxima[1].shape)
    if not maxima or not indices:
        return None
    return Draft(f"MaxUnpool{axes}d", {"kernel_size": net.rng.choice((1, 2, 2, 3))}, (maxima[0], indices))


def power(net: Net) -> Draft | None:
    axes = net.rng.choice((1, 2, 3))
    picked = net.pick(axes + 2, axes + 1)
    arguments = {"norm_type": net.rng.choice((1, 2, 3)), "kernel_size": net.rng.choice((1, 2, 3))}
    return picked and Draft(f"LPPool{axes}d", {**arguments, "ceil_mode": net.flag()}, (picked[0],))


def fractional(net: Net) -> Draft | None:
    axes = net.rng.choice((2, 3))
    picked = net.pick(axes + 2, axes + 1)
    arguments = {"kernel_size": net.rng.choice((1, 2)), "output_size": net.rng.choice((1, 2))}
    return picked and Draft(
        f"FractionalMaxPool{axes}d", {**arguments, "return_indices": net.flag()}, (picked[0],)
    )


def neighbours(net: Net) -> Draft | None:
    picked = net.pick(3, 4, 5)
    return picked and Draft("LocalResponseNorm", {"size": net.rng.choice((1, 2, 3))}, (picked[0],))


def shuffle(net: Net) -> Draft | None:
    picked = net.pick(3, 4, 5)
    return picked and Draft("ChannelShuffle", {"groups": net.divisor(picked[1].shape[1])}, (picked[0],))


def pixels(net: Net) -> Draft | None:
    """Channels become places, or places channels."""
    picked = net.pick(3, 4, 5)
    factor = net.rng.choice((1, 2, 2, 3))
    if net.flag():
        return picked and Draft("PixelShuffle", {"upscale_factor": factor}, (picked[0],))
    return picked and Draft("PixelUnshuffle", {"downscale_factor": factor}, (picked[0],))


def unfold(net: Net) -> Draft | None:
    picked = net.pick(3, 4)
    arguments = {"kernel_size": net.rng.choice((1, 2, 3)), "stride": net.rng.choice((1, 2))}
    return picked and Draft("Unfold", {**arguments, "padding": net.rng.choice((0, 1))}, (picked[0],))


def fold(net: Net) -> Draft | None:
    """Windows side by side, of an image that has as many."""
    picked = net.pick(2, 3)
    if picked is None:
        return None
    high, kernel = net.divisor(picked[1].shape[-1]), net.rng.choice((1, 2, 3))
    wide: Any = picked[1].shape[-1] // high
    arguments = {"output_size": [high * kernel, wide], "kernel_size": [kernel, 1], "stride": [kernel, 1]}
    return Draft("Fold", arguments, (picked[0],))


def sampled(net: Net) -> Draft | None:
    """An image at the places that another tensor holds, or that are made of one by a Linear before."""
    picked = net.pick(4, 5)
    if picked is None:
        return None
    name, x = picked
    grid = net.like(lambda y: y.rank == x.rank and y.shape[0] == x.shape[0] and y.shape[-1] == x.rank - 2)
    if grid is None:
        return Draft("Linear", {"out_features": x.rank - 2}, (name,))
    mode = net.rng.choice(("bilinear", "nearest", "bicubic"))
    return Draft("grid_sample", {"mode": mode}, (name, grid))


PADDING = (padding, padding, pad)
RESIZING = (resizing, resizing, enlarging)
PLACES = (
    sampled,
    sampled,
    unpooling,
    unpooling,
    power,
    fractional,
    neighbours,
    shuffle,
    pixels,
    unfold,
    fold,
)
