"""Checkpoints that tests make: files with a header alone, and what is called how in published ones."""

from __future__ import annotations

import json
import struct
from math import prod
from pathlib import Path
from typing import Any

import torch
from torch import nn

Shapes = dict[str, tuple[int, ...]]


def llama(layers: int, hidden: int, key: int, inner: int, words: int, experts: int = 0) -> Shapes:
    """Those of transformers' LlamaForCausalLM or, with experts, of MixtralForCausalLM."""
    found: Shapes = {"model.embed_tokens.weight": (words, hidden)}
    for n in range(layers):
        attention = {"q": (hidden, hidden), "k": (key, hidden), "v": (key, hidden), "o": (hidden, hidden)}
        found |= {f"model.layers.{n}.self_attn.{x}_proj.weight": shape for x, shape in attention.items()}
        up, down = (inner, hidden), (hidden, inner)
        if experts:
            moe = f"model.layers.{n}.block_sparse_moe"
            found[f"{moe}.gate.weight"] = (experts, hidden)
            parts = [
                (f"{moe}.experts.{expert}.w{w}.weight", w) for expert in range(experts) for w in (1, 2, 3)
            ]
            found |= {name: down if w == 2 else up for name, w in parts}
        else:
            sizes = {"gate": up, "up": up, "down": down}
            found |= {f"model.layers.{n}.mlp.{x}_proj.weight": shape for x, shape in sizes.items()}
        norms = ("input_layernorm", "post_attention_layernorm")
        found |= {f"model.layers.{n}.{norm}.weight": (hidden,) for norm in norms}
    return found | {"model.norm.weight": (hidden,), "lm_head.weight": (words, hidden)}


def gpt2(layers: int, width: int, words: int, longest: int) -> Shapes:
    """Those of transformers' GPT2LMHeadModel as it was published: the masks of attention are among them."""
    found: Shapes = {"wte.weight": (words, width), "wpe.weight": (longest, width)}
    sizes = {"attn.c_attn": 3 * width, "attn.c_proj": width, "mlp.c_fc": 4 * width, "mlp.c_proj": width}
    for n in range(layers):
        found[f"h.{n}.attn.bias"] = (1, 1, longest, longest)
        for name, out in sizes.items():
            inputs = 4 * width if name == "mlp.c_proj" else width
            found |= {f"h.{n}.{name}.weight": (inputs, out), f"h.{n}.{name}.bias": (out,)}
        norms = [f"h.{n}.{norm}.{part}" for norm in ("ln_1", "ln_2") for part in ("weight", "bias")]
        found |= dict.fromkeys(norms, (width,))
    return found | {"ln_f.weight": (width,), "ln_f.bias": (width,)}


def mamba(layers: int, width: int, words: int, states: int, steps: int, window: int) -> Shapes:
    """Those of mamba_ssm's MambaLMHeadModel."""
    inner = 2 * width
    found: Shapes = {"backbone.embedding.weight": (words, width)}
    for n in range(layers):
        own: Shapes = {
            "mixer.A_log": (inner, states),
            "mixer.D": (inner,),
            "mixer.in_proj.weight": (2 * inner, width),
            "mixer.conv1d.weight": (inner, 1, window),
            "mixer.conv1d.bias": (inner,),
            "mixer.x_proj.weight": (steps + 2 * states, inner),
            "mixer.dt_proj.weight": (inner, steps),
            "mixer.dt_proj.bias": (inner,),
            "mixer.out_proj.weight": (width, inner),
            "norm.weight": (width,),
        }
        found |= {f"backbone.layers.{n}.{name}": shape for name, shape in own.items()}
    return found | {"backbone.norm_f.weight": (width,), "lm_head.weight": (words, width)}


def unit(inputs: int, kernels: list[int], width: int, out: int, stride: int) -> Any:
    """torchvision.models.resnet.BasicBlock or Bottleneck, as far as their parts have names and shapes."""
    module = nn.Module()
    sizes = [inputs, *[width] * (len(kernels) - 1), out]
    for n, kernel in enumerate(kernels):
        setattr(module, f"conv{n + 1}", nn.Conv2d(sizes[n], sizes[n + 1], kernel, bias=False))
        setattr(module, f"bn{n + 1}", nn.BatchNorm2d(sizes[n + 1]))
    if stride != 1 or inputs != out:
        module.downsample = nn.Sequential(nn.Conv2d(inputs, out, 1, bias=False), nn.BatchNorm2d(out))
    return module


def resnet(units: list[int], deep: bool, widening: int = 1) -> dict[str, Any]:
    """The state dict of torchvision's ResNet on `meta`; `widening` is that of Wide ResNet."""
    with torch.device("meta"):
        module = nn.Module()
        module.conv1, module.bn1 = nn.Conv2d(3, 64, 7, bias=False), nn.BatchNorm2d(64)
        inputs = 64
        for stage, number in enumerate(units):
            planes = 64 * 2**stage
            kernels, out = ([1, 3, 1], 4 * planes) if deep else ([3, 3], planes)
            layer = nn.Sequential()
            for n in range(number):
                stride = 2 if stage and not n else 1
                layer.append(unit(inputs, kernels, planes * widening, out, stride))
                inputs = out
            setattr(module, f"layer{stage + 1}", layer)
        module.fc = nn.Linear(inputs, 1000)
    return dict(module.state_dict())


def safetensors_file(entries: object, data: bytes = b"", length: int | None = None) -> bytes:
    text = entries if isinstance(entries, bytes) else json.dumps(entries).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def entry(dtype: object = "F32", shape: object = (2,), offsets: object = (0, 8)) -> dict[str, object]:
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets}


def sparse(path: Path, start: bytes, size: int) -> None:
    """A file that is as large as it says, and takes no place on the disk."""
    with path.open("wb") as file:
        file.write(start)
        file.truncate(size)


def sharded_holes(folder: Path, shapes: Shapes, files: int) -> Path:
    """A checkpoint in float16 in so many files, of which the weights are holes; gives its index."""
    entries: dict[str, dict[str, Any]] = {}
    where: dict[str, str] = {}
    ends: dict[str, int] = {}
    for number, (name, shape) in enumerate(shapes.items()):
        file = f"model-{1 + files * number // len(shapes):05}-of-{files:05}.safetensors"
        start, size = ends.get(file, 0), 2 * prod(shape)
        entries.setdefault(file, {})[name] = entry("F16", shape, (start, start + size))
        where[name], ends[file] = file, start + size
    for file, own in entries.items():
        header = safetensors_file(own)
        sparse(folder / file, header, len(header) + ends[file])
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"metadata": {"total_size": sum(ends.values())}, "weight_map": where}))
    return index
