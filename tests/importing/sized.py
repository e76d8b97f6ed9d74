"""Modules that compute with the sizes of their inputs, as people write them."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812


class NonLocal(nn.Module):
    """Attention between all places of an image (Wang et al. 2018), its views computed."""

    def __init__(self) -> None:
        super().__init__()
        self.theta, self.phi, self.g = (nn.Conv2d(8, 4, 1) for _ in range(3))
        self.out = nn.Conv2d(4, 8, 1)

    def forward(self, x: Any) -> Any:
        b, _, h, w = x.shape
        theta = self.theta(x).view(b, -1, h * w).transpose(1, 2)
        scores = (theta @ self.phi(x).view(b, -1, h * w)).softmax(-1)
        y = (scores @ self.g(x).view(b, -1, h * w).transpose(1, 2)).transpose(1, 2)
        return x + self.out(y.reshape(b, 4, h, w))


class Windows(nn.Module):
    """Attention within windows of 7 × 7, cut out and put back."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(12, 3, batch_first=True)

    def forward(self, x: Any) -> Any:
        B, H, W, C = x.shape  # noqa: N806
        windows = x.reshape(B, H // 7, 7, W // 7, 7, C).permute(0, 1, 3, 2, 4, 5).reshape(-1, 49, C)
        y, _ = self.attention(windows, windows, windows, need_weights=False)
        return y.view(B, H // 7, W // 7, 7, 7, C).permute(0, 1, 3, 2, 4, 5).reshape(B, H, W, C)


class Positions(nn.Module):
    """A table of positions, looked up by as many numbers as there are tokens."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens, self.positions = nn.Embedding(40, 8), nn.Embedding(64, 8)
        self.layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)

    def forward(self, ids: Any) -> Any:
        t = ids.shape[1]
        return self.layer(self.tokens(ids) + self.positions(torch.arange(t, device=ids.device)))


class Pyramid(nn.Module):
    """Maps of three sizes, each enlarged to the next one's (Lin et al. 2017)."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.ModuleList(
            [nn.Conv2d(3, 8, 3, 2, 1), nn.Conv2d(8, 8, 3, 2, 1), nn.Conv2d(8, 8, 3, 2, 1)]
        )
        self.side = nn.ModuleList([nn.Conv2d(8, 8, 1) for _ in range(3)])

    def forward(self, x: Any) -> Any:
        maps = []
        for conv in self.down:
            x = F.relu(conv(x))
            maps.append(x)
        y = self.side[2](maps[2])
        for i in (1, 0):
            y = self.side[i](maps[i]) + F.interpolate(y, size=maps[i].shape[-2:], mode="nearest")
        return y


class Sliced(nn.Module):
    """A learned position for each token, of as many as there are, and a token of its own for the class."""

    def __init__(self) -> None:
        super().__init__()
        self.cls = nn.Parameter(torch.zeros(1, 1, 16))
        self.pos = nn.Parameter(torch.zeros(1, 100, 16))
        self.patch = nn.Conv2d(3, 16, 4, 4)
        self.norm, self.head = nn.LayerNorm(16), nn.Linear(16, 5)

    def forward(self, x: Any) -> Any:
        x = self.patch(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.cls.expand(x.size(0), -1, -1), x], 1)
        return self.head(self.norm(x + self.pos[:, : x.size(1)])[:, 0])


class Windowed(nn.Module):
    """Attention within windows of 4 × 4, of an image that is padded to whole windows (Liu et al. 2021)."""

    def __init__(self, width: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x: Any) -> Any:
        B, H, W, C = x.shape  # noqa: N806
        x = F.pad(x, (0, 0, 0, -W % 4, 0, -H % 4))
        rows, columns = x.shape[1] // 4, x.shape[2] // 4
        x = x.view(B, rows, 4, columns, 4, C).permute(0, 1, 3, 2, 4, 5).reshape(-1, 16, C)
        qkv = self.qkv(x).reshape(x.size(0), 16, 3, self.num_heads, C // self.num_heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)
        x = ((q @ k.transpose(-2, -1)).softmax(-1) @ v).transpose(1, 2).reshape(-1, 16, C)
        x = self.proj(x).view(B, rows, columns, 4, 4, C).permute(0, 1, 3, 2, 4, 5)
        return x.reshape(B, rows * 4, columns * 4, C)[:, :H, :W, :]


class Staged(nn.Module):
    """Stages of windowed attention; the last of one window alone, whatever the image."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.ModuleList([nn.Conv2d(3, 12, 2, 2, 1), nn.Conv2d(12, 24, 2, 2, 1)])
        self.last = nn.Conv2d(24, 48, 1)
        self.stages = nn.ModuleList([Windowed(12, 2), Windowed(24, 4)])
        self.end = nn.Sequential(Windowed(48, 8), Windowed(48, 8))

    def forward(self, x: Any) -> Any:
        for down, stage in zip(self.down, self.stages, strict=True):
            x = stage(down(x).permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        x = F.adaptive_avg_pool2d(self.last(x), 4)
        return self.end(x.permute(0, 2, 3, 1))


class Global(nn.Module):
    """The average of all there is, by a kernel of the map's size."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.head = nn.Conv2d(3, 6, 3, 2), nn.Linear(6, 4)

    def forward(self, x: Any) -> Any:
        x = self.conv(x)
        x = F.avg_pool2d(x, x.size()[2:])
        return self.head(x.view(x.size(0), -1))


class Padded(nn.Module):
    """Padding to a multiple of 8, cut off again at the end."""

    def __init__(self) -> None:
        super().__init__()
        self.down, self.up = nn.Conv2d(3, 4, 8, 8), nn.ConvTranspose2d(4, 3, 8, 8)

    def forward(self, x: Any) -> Any:
        h, w = x.shape[-2:]
        y = F.pad(x, (0, -w % 8, 0, -h % 8))
        return self.up(self.down(y))[:, :, :h, :w]


class Same(nn.Module):
    """Padding by as much as windows in steps need to be one for each step, as TensorFlow has it."""

    def __init__(self) -> None:
        super().__init__()
        self.convs = nn.ModuleList([nn.Conv2d(3, 4, 5, 2), nn.Conv2d(4, 4, 5, 2), nn.Conv2d(4, 4, 3, 2)])

    def forward(self, x: Any) -> Any:
        for conv in self.convs:
            lacks = [(-(-n // 2) - 1) * 2 + conv.kernel_size[0] - n for n in x.shape[:1:-1]]
            x = conv(F.pad(x, [side for n in lacks for side in (n // 2, n - n // 2)]))
        return x


class Skips(nn.Module):
    """A small U-Net, which pads what it enlarges to the size of what it is joined with."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.ModuleList([nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)])
        self.up = nn.ModuleList([nn.ConvTranspose2d(4, 4, 2, 2), nn.ConvTranspose2d(8, 4, 2, 2)])

    def forward(self, x: Any) -> Any:
        maps = []
        for conv in self.down:
            maps.append(conv(x))
            x = F.max_pool2d(maps[-1], 2)
        for up in self.up:
            x, skip = up(x), maps.pop()
            dh, dw = skip.shape[2] - x.shape[2], skip.shape[3] - x.shape[3]
            x = torch.cat([skip, F.pad(x, (dw // 2, dw - dw // 2, dh // 2, dh - dh // 2))], 1)
        return x


class Causal(nn.Module):
    """Attention to what came before, by a mask that is made each time."""

    def __init__(self, width: int = 12, heads: int = 3) -> None:
        super().__init__()
        self.heads = heads
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x: Any) -> Any:
        B, T, C = x.size()  # noqa: N806
        q, k, v = self.qkv(x).split(C, dim=2)
        q, k, v = (y.view(B, T, self.heads, C // self.heads).transpose(1, 2) for y in (q, k, v))
        mask = torch.full((T, T), -1e9).triu(1)
        scores = (q @ k.transpose(-2, -1)) * (C // self.heads) ** -0.5 + mask
        y = (scores.softmax(-1) @ v).transpose(1, 2).contiguous().view(B, T, C)
        return self.proj(y)


class Shuffled(nn.Module):
    """Channels shuffled, and moved to places, by views."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 16, 3, padding=1), nn.Conv2d(4, 3, 3, padding=1)

    def forward(self, x: Any) -> Any:
        x = self.first(x)
        b, c, h, w = x.shape
        x = x.view(b, 2, c // 2, h, w).transpose(1, 2).reshape(b, c, h, w)
        x = x.view(b, c // 4, 2, 2, h, w).permute(0, 1, 4, 2, 5, 3).reshape(b, c // 4, 2 * h, 2 * w)
        return self.second(x)


class Recurrent(nn.Module):
    """The last step of a sequence, by its number and from the end."""

    def __init__(self) -> None:
        super().__init__()
        self.rnn, self.head = nn.GRU(6, 10, batch_first=True), nn.Linear(20, 3)

    def forward(self, x: Any) -> Any:
        y, _ = self.rnn(x)
        return self.head(torch.cat([y[:, x.shape[1] - 1], y[:, -1]], 1))


class Pooled(nn.Module):
    """What places see of the whole, pooled to fixed sizes and enlarged again (Zhao et al. 2017)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, padding=1)
        self.inside = nn.ModuleList([nn.Conv2d(8, 2, 1) for _ in range(3)])

    def forward(self, x: Any) -> Any:
        x = self.conv(x)
        parts = [F.adaptive_avg_pool2d(x, n) for n in (1, 2, 4)]
        enlarged = [
            F.interpolate(conv(part), x.shape[2:], mode="bilinear", align_corners=False)
            for conv, part in zip(self.inside, parts, strict=True)
        ]
        return torch.cat([x, *enlarged], 1)


class Crossed(nn.Module):
    """Queries of one length to a memory of another."""

    def __init__(self) -> None:
        super().__init__()
        self.q, self.kv, self.out = nn.Linear(8, 8), nn.Linear(8, 16), nn.Linear(8, 8)

    def forward(self, x: Any, memory: Any) -> Any:
        b, t, c = x.shape
        s = memory.shape[1]
        q = self.q(x).view(b, t, 2, c // 2).permute(0, 2, 1, 3).reshape(b * 2, t, c // 2)
        k, v = self.kv(memory).view(b, s, 2, 2, c // 2).permute(2, 0, 3, 1, 4).reshape(2, b * 2, s, c // 2)
        y = torch.bmm(torch.bmm(q, k.transpose(1, 2)).softmax(-1), v)
        return self.out(y.view(b, 2, t, c // 2).transpose(1, 2).reshape(b, t, c))


Shapes = dict[str, tuple[int, ...]]
MODULES: dict[str, tuple[Any, str, Shapes, list[Shapes]]] = {
    "NonLocal": (NonLocal, "float32", {"x": (1, 8, 14, 14)}, [{"x": (3, 8, 5, 9)}, {"x": (2, 8, 32, 1)}]),
    "Windows": (Windows, "float32", {"x": (1, 14, 14, 12)}, [{"x": (2, 7, 35, 12)}, {"x": (1, 49, 21, 12)}]),
    "Positions": (Positions, "int64", {"ids": (1, 32)}, [{"ids": (5, 64)}, {"ids": (2, 1)}]),
    "Pyramid": (
        Pyramid,
        "float32",
        {"x": (1, 3, 224, 224)},
        [{"x": (2, 3, 192, 256)}, {"x": (1, 3, 65, 130)}],
    ),
    "Sliced": (Sliced, "float32", {"x": (1, 3, 28, 28)}, [{"x": (4, 3, 20, 36)}, {"x": (2, 3, 4, 4)}]),
    "Staged": (Staged, "float32", {"x": (1, 3, 30, 44)}, [{"x": (1, 3, 64, 64)}, {"x": (1, 3, 9, 70)}]),
    "Global": (Global, "float32", {"x": (1, 3, 224, 224)}, [{"x": (2, 3, 192, 256)}, {"x": (1, 3, 11, 4)}]),
    "Padded": (Padded, "float32", {"x": (1, 3, 32, 32)}, [{"x": (2, 3, 40, 9)}, {"x": (1, 3, 63, 50)}]),
    "Same": (Same, "float32", {"x": (1, 3, 96, 96)}, [{"x": (2, 3, 41, 63)}, {"x": (1, 3, 46, 1)}]),
    "Skips": (Skips, "float32", {"x": (1, 3, 96, 96)}, [{"x": (2, 3, 41, 63)}, {"x": (1, 3, 46, 31)}]),
    "Causal": (Causal, "float32", {"x": (1, 10, 12)}, [{"x": (3, 17, 12)}, {"x": (2, 1, 12)}]),
    "Shuffled": (Shuffled, "float32", {"x": (1, 3, 16, 16)}, [{"x": (2, 3, 7, 30)}, {"x": (1, 3, 1, 2)}]),
    "Recurrent": (Recurrent, "float32", {"x": (1, 12, 6)}, [{"x": (4, 30, 6)}, {"x": (2, 1, 6)}]),
    "Pooled": (Pooled, "float32", {"x": (1, 3, 24, 24)}, [{"x": (2, 3, 17, 40)}, {"x": (1, 3, 4, 4)}]),
    "Crossed": (
        Crossed,
        "float32",
        {"x": (1, 6, 8), "memory": (1, 20, 8)},
        [{"x": (3, 6, 8), "memory": (3, 6, 8)}, {"x": (2, 15, 8), "memory": (2, 4, 8)}],
    ),
}
"""By name, the class, its dtype, the sizes at which it becomes a file, and others that this is held to."""
