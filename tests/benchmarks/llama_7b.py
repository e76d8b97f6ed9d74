"""A transformer of seven billion parameters from its configuration, for `import`."""

from __future__ import annotations

from typing import Any

from transformers import LlamaConfig, LlamaForCausalLM


def llama() -> Any:
    """Llama 2 7B, whose sizes are the defaults of its configuration; without a cache, and with its attention
    as one function."""
    return LlamaForCausalLM(LlamaConfig(use_cache=False, attn_implementation="sdpa"))
