"""The modules of transformers and diffusers, without their weights, against the files of the zoo by names.

Each is built on `meta` as it is published; its state dict becomes a header of safetensors, which
`verify --weights` reads. Where a checkpoint may have a tied weight once or several times, both are tried.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch

from shapecalc.analysis.compare.matching import unpacked
from shapecalc.analysis.compare.network_weights import NamedWeight
from shapecalc.checkpoints.tensors import Stored
from tests.checkpoints import sharded_holes
from tests.command import Command
from tests.importing.torchvision_models import import_models

pytestmark = pytest.mark.skipif(
    any(find_spec(package) is None for package in ("transformers", "diffusers")),
    reason="pip install -c constraints.txt '.[models]'",
)

ROBERTA = {
    "vocab_size": 50265,
    "max_position_embeddings": 514,
    "type_vocab_size": 1,
    "pad_token_id": 1,
    "layer_norm_eps": 1e-5,
}
DEBERTA = {
    "hidden_size": 768,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "intermediate_size": 3072,
    "type_vocab_size": 0,
    "relative_attention": True,
    "position_buckets": 256,
    "norm_rel_ebd": "layer_norm",
    "share_att_key": True,
    "pos_att_type": "p2c|c2p",
    "position_biased_input": False,
}
BART_BASE = {
    "d_model": 768,
    "encoder_layers": 6,
    "decoder_layers": 6,
    "encoder_attention_heads": 12,
    "decoder_attention_heads": 12,
    "encoder_ffn_dim": 3072,
    "decoder_ffn_dim": 3072,
}
FLAN_T5 = {"d_ff": 1024, "num_layers": 8, "num_heads": 6, "feed_forward_proj": "gated-gelu"}
GEMMA = {
    "hidden_size": 2048,
    "intermediate_size": 16384,
    "num_hidden_layers": 18,
    "num_attention_heads": 8,
    "num_key_value_heads": 1,
}
GEMMA_3 = {
    "vocab_size": 262208,
    "hidden_size": 2560,
    "intermediate_size": 10240,
    "num_hidden_layers": 34,
    "num_attention_heads": 8,
    "num_key_value_heads": 4,
}
MAMBA_2 = {
    "vocab_size": 50288,
    "hidden_size": 768,
    "num_hidden_layers": 24,
    "num_heads": 24,
    "n_groups": 1,
    "tie_word_embeddings": True,
}
DEEPSEEK_LITE = {
    "hidden_size": 2048,
    "intermediate_size": 10944,
    "moe_intermediate_size": 1408,
    "num_hidden_layers": 27,
    "first_k_dense_replace": 1,
    "num_attention_heads": 16,
    "num_key_value_heads": 16,
    "q_lora_rank": None,
    "n_routed_experts": 64,
    "n_shared_experts": 2,
    "num_experts_per_tok": 6,
}
OPT_350M = {
    "hidden_size": 1024,
    "num_hidden_layers": 24,
    "ffn_dim": 4096,
    "num_attention_heads": 16,
    "word_embed_proj_dim": 512,
    "do_layer_norm_before": False,
}
GPT_OSS_20B = {"num_hidden_layers": 24, "num_local_experts": 32}
LANGUAGE: list[tuple[str, str, str, dict[str, Any]]] = [
    ("llm/t5-small", "T5ForConditionalGeneration", "T5Config", {}),
    ("llm/flan-t5-small", "T5ForConditionalGeneration", "T5Config", FLAN_T5),
    ("llm/bart-base", "BartForConditionalGeneration", "BartConfig", BART_BASE),
    ("llm/bart-base", "BartModel", "BartConfig", BART_BASE),
    ("llm/whisper-tiny", "WhisperForConditionalGeneration", "WhisperConfig", {}),
    ("llm/bert-base-uncased", "BertModel", "BertConfig", {}),
    ("llm/bert-base-uncased", "BertForPreTraining", "BertConfig", {}),
    ("llm/roberta-base", "RobertaModel", "RobertaConfig", ROBERTA),
    ("llm/deberta-v3-base", "DebertaV2Model", "DebertaV2Config", DEBERTA),
    ("llm/clip-vit-b-32", "CLIPModel", "CLIPConfig", {}),
    ("llm/gemma-2-2b", "Gemma2ForCausalLM", "Gemma2Config", {}),
    ("llm/gemma-2b", "GemmaForCausalLM", "GemmaConfig", GEMMA),
    ("llm/gemma-3-4b", "Gemma3ForConditionalGeneration", "Gemma3Config", {"text_config": GEMMA_3}),
    ("llm/phi-3-mini", "Phi3ForCausalLM", "Phi3Config", {}),
    ("llm/mamba2-130m", "Mamba2ForCausalLM", "Mamba2Config", MAMBA_2),
    ("gpt2", "GPT2LMHeadModel", "GPT2Config", {}),
    ("llm/opt-125m", "OPTForCausalLM", "OPTConfig", {}),
    ("llm/opt-350m", "OPTForCausalLM", "OPTConfig", OPT_350M),
    ("llm/deepseek-v2-lite", "DeepseekV2ForCausalLM", "DeepseekV2Config", DEEPSEEK_LITE),
    ("llm/deepseek-v3", "DeepseekV3ForCausalLM", "DeepseekV3Config", {}),
    ("llm/gpt-oss-20b", "GptOssForCausalLM", "GptOssConfig", GPT_OSS_20B),
]
NOT_TIED = {"llm/flan-t5-small": {"lm_head.weight"}}
"""What transformers 5 ties, and the published checkpoint does not."""

VAE = {
    "down_block_types": ("DownEncoderBlock2D",) * 4,
    "up_block_types": ("UpDecoderBlock2D",) * 4,
    "block_out_channels": (128, 256, 512, 512),
    "layers_per_block": 2,
}
DIFFUSION = [
    ("diffusion/stable-diffusion-unet", "UNet2DConditionModel", {"cross_attention_dim": 768}),
    ("diffusion/stable-diffusion-vae", "AutoencoderKL", VAE),
]


def plain(value: object) -> str:
    """What a case is called by."""
    return value if isinstance(value, str) else ""


@pytest.fixture(autouse=True)
def quiet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """In a folder of its own; what the packages warn of is no fault here."""
    monkeypatch.chdir(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import_models()  # of torchvision, which both import
        yield


def on_meta(make: Callable[[], Any]) -> Any:
    with torch.device("meta"):
        return make()


def agrees(run: Command, name: str, tensors: Mapping[str, Any]) -> None:
    """All weights are there, no tensor is over, and no shape differs."""
    sharded_holes(Path.cwd(), {key: tuple(tensor.shape) for key, tensor in tensors.items()}, 1)
    found = run("verify", name, "--weights", str(Path.cwd()), "--format", "json")
    told = json.loads(found.out)
    assert (found.code, told["differences"]) == (0, [])
    assert told["equal"] + len(told.get("absent_buffers", [])) == told["weights"] > 1


@pytest.mark.one_in(2)
@pytest.mark.parametrize(
    ("name", "module", "config", "sizes"), LANGUAGE, ids=lambda value: value if isinstance(value, str) else ""
)
def test_language_models(run: Command, name: str, module: str, config: str, sizes: dict[str, Any]) -> None:
    """By the names that transformers saves them with, which it has changed inside of some of its modules."""
    package = import_module("transformers")
    revert = import_module("transformers.core_model_loading").revert_weight_conversion
    model = on_meta(lambda: getattr(package, module)(getattr(package, config)(**sizes)))
    tensors = {key: x for key, x in model.state_dict().items() if x.is_floating_point()}
    saved = revert(model, dict(tensors))
    agrees(run, name, saved)
    tied = set(model.all_tied_weights_keys) - NOT_TIED.get(name, set())
    if tied:
        agrees(run, name, revert(model, {key: x for key, x in tensors.items() if key not in tied}))


def test_blocks_of_mxfp4_are_of_the_shape_that_transformers_makes_of_them() -> None:
    blocks = torch.zeros(3, 64, 2, 16, dtype=torch.uint8)
    scales = torch.full((3, 64, 2), 127, dtype=torch.uint8)
    made = import_module("transformers.integrations.mxfp4").convert_moe_packed_tensors(blocks, scales)
    shape = tuple(made.shape)
    tensors = {
        f"up_{n}": Stored(f"up_{n}", x.shape, "uint8") for n, x in (("blocks", blocks), ("scales", scales))
    }
    assert unpacked(tensors, [NamedWeight("expert", "up", shape, "float32")])["up"].shape == shape


@pytest.mark.parametrize(
    ("name", "module", "sizes"), DIFFUSION, ids=lambda value: value if isinstance(value, str) else ""
)
def test_the_networks_of_stable_diffusion(
    run: Command, name: str, module: str, sizes: dict[str, Any]
) -> None:
    package = import_module("diffusers")
    agrees(run, name, on_meta(lambda: getattr(package, module)(**sizes)).state_dict())
