"""The published models by which the breadth of `import` is measured: how each is made, and its inputs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import torch

from tests.importing.torchvision_models import import_models

Inputs = dict[str, tuple[tuple[int, ...], str]]
"""By the name of each, shape and dtype; an input without name is the first one."""


class Published(NamedTuple):
    """One model: its kind, its name, the target that makes it, what that is called with, its inputs."""

    kind: str
    name: str
    target: str
    arguments: dict[str, Any]
    inputs: Inputs


_SIZES = {"inception_v3": 299, "swin_v2_t": 256, "swin_v2_s": 256, "swin_v2_b": 256}
_VIDEO = {"mvit_v1_b": (16, 224), "mvit_v2_s": (16, 224), "s3d": (16, 224)}


def _image(size: int) -> Inputs:
    return {"": ((1, 3, size, size), "float32")}


def torchvision() -> Iterator[Published]:
    """All of torchvision's for classification, segmentation and video, and its detectors' backbones."""
    models = import_models()
    for name in models.list_models(module=models):
        quiet = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}
        yield Published(
            "classification", name, f"torchvision.models:{name}", quiet, _image(_SIZES.get(name, 224))
        )
    for name in models.list_models(module=models.segmentation):
        alone = {"weights_backbone": None}
        yield Published("segmentation", name, f"torchvision.models.segmentation:{name}", alone, _image(224))
    for name in models.list_models(module=models.detection):
        size = 300 if name.startswith("ssd300") else 224
        yield Published(
            "detection backbone", name, "tests.importing.published:backbone", {"name": name}, _image(size)
        )
    for name in models.list_models(module=models.video):
        frames, size = _VIDEO.get(name, (16, 224 if name.startswith("swin") else 112))
        clip: Inputs = {"": ((1, 3, frames, size, size), "float32")}
        yield Published("video", name, f"torchvision.models.video:{name}", {}, clip)


def backbone(name: str) -> torch.nn.Module:
    """The part of one of torchvision's detectors that makes features of images."""
    models = import_models()
    found = models.get_model(name, weights=None, weights_backbone=None).backbone
    assert isinstance(found, torch.nn.Module)
    return found


def timm() -> Iterator[Published]:
    """Those of timm's that `TIMM` lists, at the size of the images that each is made for."""
    import_models()  # which timm imports
    yield from map(of_timm, TIMM)


def of_timm(name: str) -> Published:
    """One of timm's models."""
    from timm.models import get_pretrained_cfg

    size = get_pretrained_cfg(name).input_size
    return Published("timm", name, "timm:create_model", {"model_name": name}, {"": ((1, *size), "float32")})


_TIMM = """
bat_resnext26ts beit_base_patch16_224 botnet26t_256 cait_xxs24_224 coat_lite_tiny coat_tiny
coatnet_pico_rw_224 convit_tiny convmixer_768_32 convnext_atto_rms convnext_zepto_rms convnext_zepto_rms_ols
convnextv2_atto cpubone_b0_bfrobust cpubone_nano cpubone_s0 cpubone_t0 crossvit_tiny_240 cs3darknet_focus_s
csatv2 cspnext_tiny davit_tiny deepseek_vit_412m deit_tiny_patch16_224 densenet121 densenetblur121d dla46x_c
dpn48b eca_botnext26ts_256 eca_halonext26ts eca_resnext26ts edgenext_small edgenext_x_small
edgenext_xx_small efficientformer_l1 efficientformerv2_s0 efficientnet_b0 efficientnet_blur_b0
efficientnet_cc_b0_4e efficientnet_el efficientnet_el_pruned efficientnet_em efficientnet_es
efficientnet_es_pruned efficientnet_lite0 efficientnet_x_b3 efficientnetv2_rw_t efficientvim_m1
efficientvit_b0 efficientvit_m0 ese_vovnet19b_slim_dw eva02_tiny_patch14_224 fasternet_t0 fastvit_mci0
fastvit_s12 fastvit_sa12 fastvit_t8 fbnetc_100 fbnetv3_b focalnet_tiny_srf gcresnext26ts gcvit_xxtiny
gemma4_vit_167m gernet_s ghostnet_050 ghostnetv3_050 gmixer_12_224 gmlp_ti16_224 halonet26t halonet_h1
haloregnetz_b hardcorenas_a hardcorenas_b hardcorenas_c hardcorenas_d hardcorenas_e hardcorenas_f hgnetv2_b0
hiera_tiny_224 hrnet_w18_small iformer_t inception_next_atto inception_resnet_v2 inception_v3 inception_v4
lambda_resnet26t lcnet_035 lcnetv2_small legacy_seresnet18 legacy_xception levit_128s levit_conv_128s
lowformer_b0 mambaout_femto mambaout_kobe maxvit_pico_rw_256 maxvit_rmlp_pico_rw_256 mixnet_s mixnet_xl
mnasnet_small mobilenet_edgetpu_100 mobilenet_edgetpu_v2_xs mobilenetv2_035 mobilenetv3_small_050
mobilenetv5_base mobileone_s1 mobilevit_xxs mobilevitv2_050 mvitv2_tiny naflexvit_base_patch16_parfac_gap
nasnetalarge nest_tiny nextvit_small nf_regnet_b0 pit_ti_224 pit_ti_distilled_224 pit_xs_224 pnasnet5large
poolformer_s12 poolformerv2_s12 pvt_v2_b0 qwen3_vit_88m rdnet_tiny regnetx_002 regnety_002 regnetz_005
regnetz_b16 regnetz_c16 repghostnet_050 repvgg_a0 repvit_m1 res2next50 resnest14d resnet10t resnetblur18
resnetv2_18 resnext26ts rexnet_100 rexnetr_100 sam2_hiera_tiny samvit_base_patch16_224 selecsls42
semnasnet_050 sequencer2d_s seresnet18 seresnext26ts shvit_s1 skresnet18 spnasnet_100 starnet_s050
swiftformer_l1 swiftformer_xs swin_tiny_patch4_window7_224 swinv2_cr_tiny_224 swinv2_tiny_window16_256
test_byobnet test_coatnet test_convnext test_efficientnet test_efficientnet_evos test_efficientnet_gn
test_efficientnet_ln test_mambaout test_maxvit test_nfnet test_resnet test_vit test_vit_relpos
tf_efficientnet_b0 tf_efficientnet_cc_b0_4e tf_efficientnet_el tf_efficientnet_em tf_efficientnet_es
tf_efficientnet_lite0 tf_efficientnetv2_b0 tf_mixnet_s tf_mobilenetv3_small_075 tiny_vit_5m_224 tinynet_a
tinynet_b tinynet_c tinynet_d tinynet_e tnt_s_legacy_patch16_224 tresnet_m twins_svt_small vgg11
visformer_tiny vit_dwee_patch16_reg1_gap_256 vit_pe_core_tiny_patch16_384 vit_pe_spatial_tiny_patch16_512
vit_tiny_patch16_224 vit_tiny_patch16_dinov3_qkvb vit_tiny_r_s16_p8_224 vit_wee_patch16_reg1_gap_256
vit_xsmall_patch16_clip_224 vitamin_small_224 volo_d1_224 xception41p xcit_nano_12_p8_224
"""
TIMM = tuple(_TIMM.split())
"""The smallest of each of timm's modules, and of its families until there are 200."""

_WORDS: Inputs = {"input_ids": ((1, 16), "int64"), "attention_mask": ((1, 16), "int64")}
_BOTH: Inputs = {**_WORDS, "decoder_input_ids": ((1, 8), "int64")}
_PIXELS: Inputs = {"pixel_values": ((1, 3, 32, 32), "float32")}
_SMALL: dict[str, Any] = {
    "vocab_size": 99,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 64,
}
_DECODER: dict[str, Any] = {**_SMALL, "num_key_value_heads": 2}
_T5: dict[str, Any] = {
    "vocab_size": 99,
    "d_model": 32,
    "d_kv": 8,
    "d_ff": 64,
    "num_layers": 2,
    "num_heads": 4,
}
_OPT: dict[str, Any] = {
    "vocab_size": 99,
    "hidden_size": 32,
    "ffn_dim": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "word_embed_proj_dim": 32,
    "max_position_embeddings": 64,
}
_SEQ2SEQ: dict[str, Any] = {
    "vocab_size": 99,
    "d_model": 32,
    "encoder_layers": 2,
    "decoder_layers": 2,
    "encoder_attention_heads": 4,
    "decoder_attention_heads": 4,
    "encoder_ffn_dim": 64,
    "decoder_ffn_dim": 64,
}
_PICTURE: dict[str, Any] = {"image_size": 32, "patch_size": 8}
_TOWER: dict[str, Any] = {**_SMALL, "projection_dim": 16}

TRANSFORMERS: dict[str, tuple[str, dict[str, Any], Inputs]] = {
    "BERT": ("Bert", _SMALL, _WORDS),
    "RoBERTa": ("Roberta", _SMALL, _WORDS),
    "DistilBERT": (
        "DistilBert",
        {"vocab_size": 99, "dim": 32, "n_layers": 2, "n_heads": 4, "hidden_dim": 64},
        _WORDS,
    ),
    "DeBERTa": (
        "DebertaV2",
        {**_SMALL, "relative_attention": True, "pos_att_type": ["p2c", "c2p"], "position_buckets": 8},
        _WORDS,
    ),
    "ALBERT": ("Albert", {**_SMALL, "embedding_size": 16}, _WORDS),
    "GPT-2": ("GPT2", {"vocab_size": 99, "n_embd": 32, "n_layer": 2, "n_head": 4}, _WORDS),
    "OPT": ("OPT", _OPT, _WORDS),
    "LLaMA": ("Llama", _DECODER, _WORDS),
    "Mistral": ("Mistral", _DECODER, _WORDS),
    "Mixtral": ("Mixtral", {**_DECODER, "num_local_experts": 4}, _WORDS),
    "Qwen2": ("Qwen2", _DECODER, _WORDS),
    "Gemma": ("Gemma", {**_DECODER, "head_dim": 8}, _WORDS),
    "Phi": ("Phi", _SMALL, _WORDS),
    "T5": ("T5", _T5, _BOTH),
    "BART": ("Bart", _SEQ2SEQ, _BOTH),
    "Whisper": (
        "Whisper",
        {
            **_SEQ2SEQ,
            "num_mel_bins": 8,
            "max_source_positions": 16,
            "max_target_positions": 16,
            "pad_token_id": 0,
        },
        {"input_features": ((1, 8, 32), "float32"), "decoder_input_ids": ((1, 8), "int64")},
    ),
    "ViT": ("ViT", {**_SMALL, **_PICTURE}, _PIXELS),
    "Swin": (
        "Swin",
        {
            **_PICTURE,
            "image_size": 64,
            "patch_size": 4,
            "embed_dim": 16,
            "depths": [2, 2],
            "num_heads": [2, 4],
            "window_size": 4,
        },
        {"pixel_values": ((1, 3, 64, 64), "float32")},
    ),
    "CLIP": (
        "CLIP",
        {"text_config": _TOWER, "vision_config": {**_TOWER, **_PICTURE}, "projection_dim": 16},
        {**_WORDS, **_PIXELS},
    ),
    "SegFormer": (
        "Segformer",
        {"hidden_sizes": [8, 16, 24, 32]},
        {"pixel_values": ((1, 3, 64, 64), "float32")},
    ),
    "ConvNeXt": ("ConvNext", {"hidden_sizes": [8, 16, 24, 32], "depths": [1, 1, 2, 1]}, _PIXELS),
    "wav2vec2": (
        "Wav2Vec2",
        {
            **_SMALL,
            "conv_dim": [16, 16],
            "conv_kernel": [10, 3],
            "conv_stride": [5, 2],
            "num_conv_pos_embeddings": 16,
            "num_conv_pos_embedding_groups": 4,
        },
        {"input_values": ((1, 400), "float32")},
    ),
    "Mamba": (
        "Mamba",
        {"vocab_size": 99, "hidden_size": 32, "num_hidden_layers": 2, "state_size": 4},
        {"input_ids": ((1, 16), "int64")},
    ),
    "Falcon": ("Falcon", _SMALL, _WORDS),
}
"""By what it is called, transformers' word for its classes, a small configuration, the inputs."""


def transformers() -> Iterator[Published]:
    """Models of a small configuration, each with attention written out and as one function."""
    for name, (word, config, inputs) in TRANSFORMERS.items():
        for attention in ("eager", "sdpa"):
            arguments = {"word": word, "attention": attention, "config": config}
            yield Published(
                f"transformers, {attention}", name, "tests.importing.published:of_config", arguments, inputs
            )


def of_config(word: str, attention: str, config: dict[str, Any]) -> torch.nn.Module:
    """A model of transformers by its classes' word."""
    import_models()  # which it imports, if it is installed
    import transformers

    made = getattr(transformers, f"{word}Config")(**config)
    if attention == "sdpa" and not getattr(transformers, f"{word}Model")._supports_sdpa:
        attention = "eager"
    made._attn_implementation = attention
    made._experts_implementation = "batched_mm"
    found = getattr(transformers, f"{word}Model")(made)
    assert isinstance(found, torch.nn.Module)
    return found


def find(package: str, name: str) -> Published:
    """A model by its name; of timm's any, of transformers' with its attention as one function."""
    if package == "timm":
        import_models()
        return of_timm(name)
    return [model for model in PACKAGES[package]() if model.name == name][-1]


GATE: dict[str, tuple[str, ...]] = {
    "torchvision": ("resnet50", "densenet121", "mobilenet_v3_large", "vit_b_16", "swin_t"),
    "timm": ("dla34", "hrnet_w18", "test_nfnet"),
    "transformers": ("BERT", "LLaMA", "DeBERTa", "wav2vec2"),
}
"""The twelve that are imported at each push."""

BY_VALUE: dict[str, dict[str, int | None]] = {
    "torchvision": {
        **dict.fromkeys(("resnet50", "densenet121", "mobilenet_v3_large"), 64),
        **dict.fromkeys(("resnet18", "squeezenet1_0", "mobilenet_v2", "mnasnet0_5", "efficientnet_b0"), 64),
        **dict.fromkeys(("regnet_y_400mf", "shufflenet_v2_x1_0", "convnext_tiny", "googlenet"), 64),
    },
    "timm": {**dict.fromkeys(("dla34", "hrnet_w18", "repvgg_a0", "regnetx_002"), 64)},
    "transformers": dict.fromkeys(("BERT", "DistilBERT", "ViT", "OPT"), None),
}
"""Those whose files compute the same, at images of that size: by package and name."""

PACKAGES = {"torchvision": torchvision, "timm": timm, "transformers": transformers}
