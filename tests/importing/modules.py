"""Modules as people write them, none of them with shapecalc in mind."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812


class BasicBlock(nn.Module):
    def __init__(self, inside: int, width: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inside, width, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.downsample = None
        if stride != 1 or inside != width:
            self.downsample = nn.Sequential(
                nn.Conv2d(inside, width, 1, stride, bias=False), nn.BatchNorm2d(width)
            )

    def forward(self, x: Any) -> Any:
        identity = x
        out = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        if self.downsample is not None:
            identity = self.downsample(x)
        out += identity
        return self.relu(out)


class Residual(nn.Module):
    def __init__(self, classes: int = 10) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, padding=1)
        self.layer1 = nn.Sequential(BasicBlock(8, 8), BasicBlock(8, 8), BasicBlock(8, 8))
        self.layer2 = nn.Sequential(BasicBlock(8, 16, 2), BasicBlock(16, 16))
        self.layer3 = nn.Sequential(BasicBlock(16, 32, 2), BasicBlock(32, 32))
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(32, classes)

    def forward(self, x: Any) -> Any:
        x = self.layer3(self.layer2(self.layer1(self.stem(x))))
        return self.fc(torch.flatten(self.pool(x), 1))


class Dense(nn.Module):
    """Each layer joins all that came before it anew."""

    def __init__(self, depth: int = 4) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.Conv2d(4 + 4 * n, 4, 3, padding=1) for n in range(depth)])

    def forward(self, x: Any) -> Any:
        features = [x]
        for layer in self.layers:
            features.append(F.relu(layer(torch.cat(features, 1))))
        return torch.cat(features, 1)


class Double(nn.Module):
    def __init__(self, inside: int, out: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(inside, out, 3, padding=1), nn.ReLU(), nn.Conv2d(out, out, 3, padding=1), nn.ReLU()
        )

    def forward(self, x: Any) -> Any:
        return self.body(x)


class UNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.down1, self.down2 = Double(3, 8), Double(8, 16)
        self.bottom = Double(16, 32)
        self.up2, self.up1 = nn.ConvTranspose2d(32, 16, 2, 2), nn.ConvTranspose2d(16, 8, 2, 2)
        self.double2, self.double1 = Double(32, 16), Double(16, 8)
        self.out = nn.Conv2d(8, 1, 1)

    def forward(self, image: Any) -> Any:
        first = self.down1(image)
        second = self.down2(F.max_pool2d(first, 2))
        x = self.bottom(F.max_pool2d(second, 2))
        x = self.double2(torch.cat([second, self.up2(x)], 1))
        return self.out(self.double1(torch.cat([first, self.up1(x)], 1)))


class Attention(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x: Any) -> Any:
        b, n, c = x.shape
        q, k, v = self.qkv(x).reshape(b, n, 3, self.heads, c // self.heads).permute(2, 0, 3, 1, 4).unbind(0)
        attention = (q * (c // self.heads) ** -0.5) @ k.transpose(-2, -1)
        return self.proj((attention.softmax(dim=-1) @ v).transpose(1, 2).reshape(b, n, c))


class Layer(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width, eps=1e-6)
        self.attn = Attention(width, heads)
        self.mlp = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Dropout(0.1), nn.Linear(4 * width, width)
        )

    def forward(self, x: Any) -> Any:
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class VisionTransformer(nn.Module):
    def __init__(self, width: int = 24, depth: int = 3) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, width, 8, 8)
        self.token = nn.Parameter(torch.zeros(1, 1, width))
        self.positions = nn.Parameter(torch.zeros(1, 17, width))
        self.blocks = nn.ModuleList([Layer(width, 4) for _ in range(depth)])
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, 10)

    def forward(self, x: Any) -> Any:
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], dim=1) + self.positions
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x)[:, 0])


class Gated(nn.Module):
    """Squeeze and excite, functions of weights, numbers beside tensors."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3)
        self.squeeze, self.excite = nn.Conv2d(8, 2, 1), nn.Conv2d(2, 8, 1)
        self.weight = nn.Parameter(torch.ones(5, 8))
        self.bias = nn.Parameter(torch.zeros(5))

    def forward(self, x: Any) -> Any:
        x = F.silu(self.conv(x))
        gate = self.excite(F.relu(self.squeeze(x.mean((2, 3), keepdim=True)))).sigmoid()
        x = x * gate * 0.5 + 1
        return 1 - F.linear(x.mean([2, 3]), self.weight, self.bias) / 3


class TwoInputs(nn.Module):
    """Tokens and weights of another dtype, by keyword; a layer that nothing calls."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(50, 16)
        self.mixer = nn.Bilinear(16, 16, 16)
        self.unused = nn.Linear(3, 2)

    def forward(self, tokens: Any, weights: Any) -> Any:
        x = self.table(tokens)
        return self.mixer(x, x * weights[..., None])


class Pooled(nn.Module):
    """What a person writes without thinking of it."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 6, 5), nn.Sigmoid(), nn.AvgPool2d(2), nn.Conv2d(6, 16, 5), nn.Sigmoid()
        )
        self.fc1, self.fc2 = nn.Linear(256, 120), nn.Linear(120, 10)

    def forward(self, x: Any) -> Any:
        x = F.avg_pool2d(self.features(x), 2)
        x = x.view(x.size(0), -1)
        return F.log_softmax(self.fc2(torch.tanh(self.fc1(x))), dim=1)


class Jump(nn.Module):
    """Connections that no nesting of branches has."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = (nn.Linear(8, 8) for _ in range(3))

    def forward(self, x: Any) -> Any:
        first = self.a(x)
        second = self.b(first + x)
        third = self.c(second * first)
        return third - x + torch.cat([second, first], -1).sum(-1, keepdim=True)


class Tied(nn.Module):
    """The table of the words is the matrix of the scores."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(50, 16)
        self.layer = Layer(16, 2)
        self.scores = nn.Linear(16, 50, bias=False)
        self.scores.weight = self.table.weight

    def forward(self, words: Any) -> Any:
        return self.scores(self.layer(self.table(words)))


class Chunked(nn.Module):
    """Parts of one tensor that go different ways; a mask that hangs on nothing; an index that is a buffer."""

    def __init__(self, width: int = 12) -> None:
        super().__init__()
        self.qkv = nn.Linear(width, 3 * width)
        self.table = nn.Parameter(torch.zeros(9, 2))
        self.register_buffer("places", torch.arange(25).reshape(5, 5) % 9)

    def forward(self, x: Any) -> Any:
        b, n, c = x.shape
        q, k, v = (y.reshape(b, n, 2, c // 2).transpose(1, 2) for y in self.qkv(x).chunk(3, dim=-1))
        scores = torch.einsum("bhid,bhjd->bhij", q, k) + self.table[self.places].permute(2, 0, 1)
        scores = scores + x.new_zeros(n, n)
        return torch.einsum("bhij,bhjd->bhid", scores.softmax(-1), v).transpose(1, 2).flatten(2)


class Masked(nn.Module):
    """Comparisons with numbers and with tensors."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(6, 6), nn.Linear(6, 6)

    def forward(self, x: Any) -> Any:
        x = self.a(x).masked_fill(x > 0.5, -1e9)
        y = self.b(x).masked_fill(x == 0, 2.5)
        return y.masked_fill(y <= x, 1.0).masked_fill(y < 0, 3.0)


class InPlace(nn.Module):
    """Functions that are told to write over their input: by name, by position, with unused."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(6, 6) for _ in range(4)])

    def forward(self, x: Any) -> Any:
        first, second, third, last = self.layers
        x = F.relu(first(x), inplace=True)
        x = F.leaky_relu(second(x), 0.1, True)
        x = third(x)
        F.hardswish(input=x, inplace=True)
        return F.dropout(last(x), 0.5, self.training, inplace=True)


class Written(nn.Module):
    """Parts of tensors that are written over: by an index, by functions and layers on views."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(8, 8), nn.Linear(8, 8)
        self.bias = nn.Parameter(torch.zeros(12))
        self.act = nn.ReLU(inplace=True)

    def forward(self, x: Any) -> Any:
        y = self.a(x)
        before = y[:, 0]
        y[:, :2] = 0.5
        y[:, 3] = self.b(y[:, 1])
        y[:, 1:4:2].mul_(2)
        y.view(2, -1)[:, 5:7].add_(1)
        y[..., -1] = y[..., 0].clone()
        y[:, 4, :3].zero_()
        self.act(y[:, :2])
        y.narrow(1, 3, 3).add_(y[:, :3])
        z = x.new_zeros(2, 3, 8)
        z[:, 1:] = y[:, :2]
        z.transpose(1, 2)[:, 2:4] *= before[0, 0]
        bias = self.bias.clone()
        bias[4:8].zero_()
        return torch.cat([y, z], 1).flatten(1)[:, :12] + bias + before.sum()


class Nested(nn.Module):
    """Three blocks in a row that are alike, the last two in a container of their own."""

    def __init__(self) -> None:
        super().__init__()
        a, b, c = (BasicBlock(4, 4) for _ in range(3))
        self.stage = nn.Sequential(a, nn.Sequential(b, c))

    def forward(self, x: Any) -> Any:
        return self.stage(x)


class Shortcut(nn.Module):
    """What goes past its layers goes through a module that hands it on as it is."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.mix = nn.Sequential(nn.Linear(6, width), nn.ReLU(), nn.Linear(width, 6))
        self.past = nn.Sequential()

    def forward(self, x: Any) -> Any:
        return self.mix(x) + self.past(x)


class Handed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(6, 6), Shortcut(4), nn.Sequential(Shortcut(8), nn.Sequential()))

    def forward(self, x: Any) -> Any:
        return self.body(x)


class Aside(nn.Module):
    """The first input is read by a module whose result nobody reads, the second one by the rest."""

    def __init__(self) -> None:
        super().__init__()
        self.aside = Shortcut(4)
        self.head = nn.Linear(3, 2)

    def forward(self, first: Any, second: Any) -> Any:
        self.aside(first)
        return self.head(second)


class Unread(nn.Module):
    """The first input is not read."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(3, 2)

    def forward(self, first: Any, second: Any) -> Any:
        return self.head(second)


class Learned(nn.Module):
    """What it gives is a weight, whatever it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(3, 2)
        self.prompt = nn.Parameter(torch.zeros(2, 5))

    def forward(self, x: Any) -> Any:
        self.head(x)
        return self.prompt


class Filled(nn.Module):
    """It has a weight that nothing uses, and begins with a constant."""

    def __init__(self) -> None:
        super().__init__()
        self.unused = nn.Parameter(torch.zeros(7))
        self.act, self.head = nn.Tanh(), nn.Linear(3, 2)

    def forward(self, x: Any) -> Any:
        one = torch.ones(2, 3)
        y = x + x.exp()
        self.act(one)
        return self.head(y)


class Frozen(nn.Module):
    """A trunk that is not trained, blocks of its class that are, and one of which a part is."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk = nn.Sequential(nn.Conv2d(3, 4, 1), BasicBlock(4, 4), BasicBlock(4, 4)).requires_grad_(
            False
        )
        self.trained = nn.Sequential(BasicBlock(4, 4), BasicBlock(4, 4))
        self.partly = BasicBlock(4, 4)
        self.partly.conv1.requires_grad_(False)
        self.scale = nn.Parameter(torch.ones(4, 1, 1), requires_grad=False)
        self.unused = nn.Parameter(torch.ones(5), requires_grad=False)
        self.head = nn.Conv2d(4, 4, 1)
        self.again = nn.Conv2d(4, 4, 1).requires_grad_(False)

    def forward(self, x: Any) -> Any:
        x = self.partly(self.trained(self.trunk(x))) * self.scale
        return self.again(self.head(self.again(x)))


class Recurrent(nn.Module):
    """LSTMs, which torch runs on the CPU by one kernel for each layer and direction."""

    def __init__(self) -> None:
        super().__init__()
        self.deep = nn.LSTM(6, 5, num_layers=2, batch_first=True, bidirectional=True)
        self.narrow = nn.LSTM(10, 4, bias=False)
        self.head = nn.Linear(4, 3)

    def forward(self, x: Any) -> Any:
        return self.head(self.narrow(self.deep(x)[0])[0])


class Inverted(nn.Module):
    """A mask that is read again after what it is not was made of it."""

    def forward(self, x: Any) -> Any:
        mask = x > 0
        y = x.masked_fill(~mask, 2.0) + x.masked_fill(~mask, 3.0)
        return y.masked_fill(mask, 5.0)


class Positions(nn.Module):
    """What hangs on nothing but sizes: numbers in a row, a causal mask, values that control flow looks at."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(9, 6)
        self.mix = nn.Linear(6, 6)

    def forward(self, x: Any) -> Any:
        length = x.shape[1]
        places = torch.arange(length, device=x.device)
        x = x + self.table(places)[None] * torch.full((1, length, 1), 0.25)
        scores = x @ self.mix(x).transpose(1, 2)
        future = torch.ones(length, length, dtype=torch.bool).triu(1)
        if future.any():
            scores = scores.masked_fill(future, -1e9)
        keep = (scores > 0) & (x.mean(-1, keepdim=True) > -1) | ~future
        return torch.where(keep, scores, torch.zeros_like(scores)) @ x


class Mixer(nn.Module):
    """Its own layer beside those that it has from outside."""

    def __init__(self, shared: nn.Module, table: nn.Embedding, exact: bool) -> None:
        super().__init__()
        self.own = nn.Conv1d(6, 6, 1)
        self.shared = shared
        self.table = table
        self.mix = nn.Identity() if exact else nn.LayerNorm(6)

    def forward(self, x: Any, scale: Any) -> Any:
        x = self.own(x) + self.shared(x)
        return x * scale + self.mix(self.table(torch.arange(x.shape[2], device=x.device))).t()


class PartlyShared(nn.Module):
    """Blocks of one class that have some weights of their own, and others together."""

    def __init__(self, exact: bool = True) -> None:
        super().__init__()
        shared, table = nn.Conv1d(6, 6, 3, padding=1, groups=2), nn.Embedding(9, 6)
        self.mixers = nn.ModuleList([Mixer(shared, table, exact) for _ in range(3)])
        self.scale = nn.Parameter(torch.ones(6, 1))
        head = nn.Linear(6, 6, bias=not exact)
        self.heads = nn.ModuleList([nn.Sequential(nn.Linear(6, 6), head, nn.ReLU()) for _ in range(2)])
        if not exact:
            norm = nn.LayerNorm(6)
            for mixer in self.mixers:
                mixer.mix = norm

    def forward(self, x: Any) -> Any:
        for mixer in self.mixers:
            x = mixer(x, self.scale)
        x = x.transpose(1, 2)
        for head in self.heads:
            x = head(x)
        return x


class Causal(nn.Module):
    """Attention with masks that hang on the length, in torch's encoder and by itself."""

    def __init__(self) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(8, 2, 12, batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.attention = nn.MultiheadAttention(8, 2)

    def forward(self, x: Any) -> Any:
        mask = nn.Transformer.generate_square_subsequent_mask(x.shape[1])
        x = self.encoder(x, mask=mask, is_causal=True).transpose(0, 1)
        return self.attention(x, x, x, attn_mask=mask, need_weights=False)[0]


class Skips(nn.Module):
    """A sum that each of many layers adds to, beside the chain that they are."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(6, 6) for _ in range(40)])
        self.skips = nn.ModuleList([nn.Linear(6, 4) for _ in range(40)])

    def forward(self, x: Any) -> Any:
        total = 0
        for layer, skip in zip(self.layers, self.skips, strict=True):
            y = torch.tanh(layer(x))
            total = total + skip(y)
            x = x + y  # which nobody reads, the last time
        return total


class Critic(nn.Module):
    """A container that is called twice, whose last layer is used again with its name."""

    def __init__(self) -> None:
        super().__init__()
        self.critic = nn.Sequential(nn.Linear(6, 6), nn.ReLU(), nn.Linear(6, 1))

    def forward(self, x: Any, y: Any) -> Any:
        return self.critic(x) - self.critic(y)


class Kept(nn.Module):
    """A module that keeps a tensor as an attribute, which another reads."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(6, 6), nn.Linear(6, 6)
        self.halved: Any = None

    def forward(self, x: Any) -> Any:
        self.halved = self.first(x) / 2
        return torch.tanh(self.second(self.halved) + x)


class Keeper(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.kept, self.last = Kept(), nn.Linear(6, 2)

    def forward(self, x: Any) -> Any:
        return self.last(self.kept(x) * self.kept.halved)


class Scored(nn.Module):
    """It gives its scores beside what it makes of them, as a view that nobody may read."""

    def __init__(self) -> None:
        super().__init__()
        self.scores = nn.Linear(6, 6)

    def forward(self, x: Any) -> Any:
        scores = self.scores(x).softmax(-1)
        return scores @ x.transpose(1, 2), scores.flatten(1)


class ScoredLayer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.scored, self.out = Scored(), nn.Linear(4, 6)

    def forward(self, x: Any) -> Any:
        y, scores = self.scored(x)
        return self.out(y), scores


class Probe(nn.Module):
    """It gives a view of what it makes."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(6, 3)

    def forward(self, x: Any) -> Any:
        return self.inner(x).flatten(1)


class Unasked(nn.Module):
    """What some modules give beside the rest, or at all, nobody reads."""

    def __init__(self) -> None:
        super().__init__()
        self.probe = nn.Sequential(Probe())
        self.layers = nn.ModuleList([ScoredLayer(), ScoredLayer()])

    def forward(self, x: Any) -> Any:
        self.probe(x)
        for layer in self.layers:
            x, _ = layer(x)
        return x


class Pair(nn.Module):
    """Two tensors of two, in one order or in the other."""

    def __init__(self, turned: bool) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(6, 6), nn.Linear(6, 6)
        self.turned = turned

    def forward(self, x: Any, y: Any) -> Any:
        x = torch.tanh(self.first(x)) - y
        y = self.second(x)
        return (y, x) if self.turned else (x, y)


class Pairs(nn.Module):
    """Blocks that differ in the order of what they give, of what they are given, or in what is read of it."""

    def __init__(self) -> None:
        super().__init__()
        self.pairs = nn.ModuleList([Pair(turned) for turned in (False, True, True, False, False, True)])

    def forward(self, x: Any) -> Any:
        y = x.flip(-1)
        x, y = self.pairs[0](x, y)
        x, y = self.pairs[1](x, y)
        y, x = self.pairs[2](x, y)
        x, y = self.pairs[3](y, x)
        _, alone = self.pairs[4](x, y)
        x, y = self.pairs[5](alone, x)
        return x - y


class Later(nn.Module):
    """It gives the second of two tensors, or the first though what is made of it comes after."""

    def __init__(self, second: bool) -> None:
        super().__init__()
        self.unread = nn.Linear(6, 6)
        self.second = second

    def forward(self, x: Any) -> Any:
        x, y = x.chunk(2, dim=1)
        y = torch.cat([y, x], 1)
        self.unread(y)
        return y if self.second else torch.cat([y, x.exp()], 1).chunk(2, dim=1)[1]


class Laters(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(Later(True), nn.Tanh(), Later(True), Later(False))

    def forward(self, x: Any) -> Any:
        return self.layers(x)


IMAGE = (2, 3, 32, 32)
MODULES: dict[str, tuple[Any, dict[str, tuple[tuple[int, ...], str]]]] = {
    "Residual": (Residual, {"x": (IMAGE, "float32")}),
    "Dense": (Dense, {"x": ((2, 4, 8, 8), "float32")}),
    "UNet": (UNet, {"image": (IMAGE, "float32")}),
    "VisionTransformer": (VisionTransformer, {"x": (IMAGE, "float32")}),
    "Gated": (Gated, {"x": (IMAGE, "float32")}),
    "TwoInputs": (TwoInputs, {"tokens": ((2, 7), "int64"), "weights": ((2, 7), "float32")}),
    "Pooled": (Pooled, {"x": ((2, 1, 28, 28), "float32")}),
    "Chunked": (Chunked, {"x": ((2, 5, 12), "float32")}),
    "Masked": (Masked, {"x": ((2, 6), "float32")}),
    "InPlace": (InPlace, {"x": ((2, 6), "float32")}),
    "Inverted": (Inverted, {"x": ((2, 6), "float32")}),
    "Written": (Written, {"x": ((2, 6, 8), "float32")}),
    "Positions": (Positions, {"x": ((2, 5, 6), "float32")}),
    "Nested": (Nested, {"x": ((2, 4, 8, 8), "float32")}),
    "Handed": (Handed, {"x": ((2, 6), "float32")}),
    "Aside": (Aside, {"first": ((2, 6), "float32"), "second": ((2, 3), "float32")}),
    "Unread": (Unread, {"first": ((2, 6), "float32"), "second": ((2, 3), "float32")}),
    "Filled": (Filled, {"x": ((2, 3), "float32")}),
    "Learned": (Learned, {"x": ((2, 3), "float32")}),
    "Frozen": (Frozen, {"x": ((2, 3, 8, 8), "float32")}),
    "Recurrent": (Recurrent, {"x": ((2, 7, 6), "float32")}),
    "Tied": (Tied, {"words": ((2, 7), "int64")}),
    "PartlyShared": (PartlyShared, {"x": ((2, 6, 5), "float32")}),
    "Jump": (Jump, {"x": ((2, 8), "float32")}),
    "Causal": (Causal, {"x": ((2, 5, 8), "float32")}),
    "Skips": (Skips, {"x": ((2, 6), "float32")}),
    "Critic": (Critic, {"x": ((2, 6), "float32"), "y": ((2, 6), "float32")}),
    "Keeper": (Keeper, {"x": ((2, 6), "float32")}),
    "Pairs": (Pairs, {"x": ((2, 6), "float32")}),
    "Laters": (Laters, {"x": ((2, 4, 6), "float32")}),
    "Unasked": (Unasked, {"x": ((2, 4, 6), "float32")}),
}
"""By name, the class and its inputs: by the name of each, shape and dtype."""
