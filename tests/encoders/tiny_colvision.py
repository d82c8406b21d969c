"""Tiny random checkpoints of the ColPali families: real processors and real code paths, widths
and depths of next to nothing, and page sizes small enough for a CPU.

Saved with `save_pretrained`, they are loaded like any model.
"""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType
from typing import Any

from colregion.encoders.colvision import ColVisionEncoder, ColVisionOptions

WIDTH, HEADS, INNER = 32, 2, 64
TILE_PX, TILES, TILE_SIDE = 192, 4, 3  # Idefics: pages of at most 4 x 4 tiles of 3 x 3 patches

_QWEN_SPECIALS = [
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|image_pad|>",
    "<|video_pad|>",
]
_GEMMA_CHAT = (
    "{{ bos_token }}{% for m in messages %}<start_of_turn>{{ m['role'] }}\n"
    "{% for c in m['content'] %}{% if c['type']=='image' %}<start_of_image>"
    "{% elif c['type']=='text' %}{{ c['text'] }}{% endif %}{% endfor %}<end_of_turn>\n"
    "{% endfor %}"
)
_ATTENTION_OUTPUT = re.compile(
    r"(self_attn|attn|attention|linear_attn|self_attention)\.(o_proj|out_proj|proj|Wo|dense)$"
)
_POSITIONS = re.compile(r"(position_embedding|pos_embed)$")


def _tokenizer(specials: list[str], **options: Any) -> Any:
    """Every byte a token: any text can be written, with 256 ids and the special ones."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    names = list(dict.fromkeys([*specials, *alphabet]))
    core = Tokenizer(models.BPE(vocab={name: i for i, name in enumerate(names)}, merges=[]))
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    core.add_special_tokens([AddedToken(s, special=True, normalized=False) for s in specials])
    return PreTrainedTokenizerFast(tokenizer_object=core, **options)


def _text(vocabulary: int, **options: Any) -> dict[str, Any]:
    return {
        "hidden_size": WIDTH,
        "intermediate_size": INNER,
        "num_hidden_layers": 1,
        "num_attention_heads": HEADS,
        "num_key_value_heads": 1,
        "vocab_size": vocabulary,
        "pad_token_id": 0,
        **options,
    }


def _vision(**options: Any) -> dict[str, Any]:
    return {
        "hidden_size": WIDTH,
        "intermediate_size": INNER,
        "num_hidden_layers": 1,
        "num_attention_heads": HEADS,
        **options,
    }


def _colpali(native: bool) -> tuple[Any, Any]:
    import transformers as t

    specials = ["<pad>", "<eos>", "<bos>", "<unk>", "<image>"]
    names = {f"{name}_token": f"<{name}>" for name in ("pad", "eos", "bos", "unk")}
    images = t.SiglipImageProcessor(size={"height": 448, "width": 448})
    images.image_seq_length = 1024
    _, processor_class, _ = classes("colpali-native" if native else "colpali")
    processor = processor_class(image_processor=images, tokenizer=_tokenizer(specials, **names))
    ids = {"pad_token_id": 0, "eos_token_id": 1, "bos_token_id": 2}
    config = t.PaliGemmaConfig(
        vision_config=_vision(
            model_type="siglip_vision_model",
            patch_size=14,
            image_size=448,
            projection_dim=WIDTH,
            vision_use_head=False,
        ),
        text_config=_text(len(processor.tokenizer), model_type="gemma", head_dim=16, **ids),
        image_token_index=processor.image_token_id,
        projection_dim=WIDTH,
        hidden_size=WIDTH,
        **ids,
    )
    return config, processor


def _qwen_processor(processor_class: Any, *, patch_px: int, videos: bool = True) -> Any:
    import transformers as t

    cell = (2 * patch_px) ** 2
    sizes = {"shortest_edge": 4 * cell, "longest_edge": 768 * cell}
    patches = {"patch_size": patch_px, "merge_size": 2, "temporal_patch_size": 2}
    parts: dict[str, Any] = {
        "image_processor": t.Qwen2VLImageProcessor(size=sizes, **patches),
        "tokenizer": _tokenizer(
            _QWEN_SPECIALS, pad_token=_QWEN_SPECIALS[0], eos_token="<|im_end|>"
        ),
    }
    if videos:
        kind = t.Qwen3VLVideoProcessor if patch_px == 16 else t.Qwen2VLVideoProcessor
        parts["video_processor"] = kind(**patches)
    return processor_class(**parts)


def _qwen_ids(tokenizer: Any) -> dict[str, int]:
    return {
        name: tokenizer.convert_tokens_to_ids(f"<|{token}|>")
        for name, token in (
            ("image_token_id", "image_pad"),
            ("video_token_id", "video_pad"),
            ("vision_start_token_id", "vision_start"),
            ("vision_end_token_id", "vision_end"),
        )
    }


def _rope(theta: float, sections: list[int], **options: Any) -> dict[str, Any]:
    return {"rope_type": "default", "rope_theta": theta, "mrope_section": sections, **options}


def _qwen_text(tokenizer: Any, rope: dict[str, Any], **options: Any) -> dict[str, Any]:
    return _text(
        len(tokenizer),
        bos_token_id=None,
        eos_token_id=2,
        max_position_embeddings=32768,
        rope_parameters=rope,
        **options,
    )


def _qwen2_config(tokenizer: Any) -> Any:
    import transformers as t

    vision = {"depth": 1, "embed_dim": WIDTH, "hidden_size": WIDTH, "num_heads": HEADS}
    return t.Qwen2VLConfig(
        text_config=_qwen_text(tokenizer, _rope(1e6, [2, 3, 3])),
        vision_config={**vision, "mlp_ratio": 2, "patch_size": 14, "spatial_merge_size": 2},
        **_qwen_ids(tokenizer),
    )


def _qwen_vision(patch_px: int, **options: Any) -> dict[str, Any]:
    return {
        "depth": 2,
        "hidden_size": WIDTH,
        "intermediate_size": INNER,
        "out_hidden_size": WIDTH,
        "num_heads": HEADS,
        "patch_size": patch_px,
        "spatial_merge_size": 2,
        "temporal_patch_size": 2,
        **options,
    }


def _colqwen2(native: bool) -> tuple[Any, Any]:
    _, processor_class, _ = classes("colqwen2-native" if native else "colqwen2")
    processor = _qwen_processor(processor_class, patch_px=14, videos=not native)
    return _qwen2_config(processor.tokenizer), processor


def _colqwen2_5() -> tuple[Any, Any]:
    import transformers as t

    processor = _qwen_processor(classes("colqwen2_5")[1], patch_px=14)
    tokenizer = processor.tokenizer
    config = t.Qwen2_5_VLConfig(
        text_config=_qwen_text(tokenizer, _rope(1e6, [2, 3, 3])),
        vision_config=_qwen_vision(14, window_size=112, fullatt_block_indexes=[1]),
        **_qwen_ids(tokenizer),
    )
    return config, processor


def _colqwen3() -> tuple[Any, Any]:
    import transformers as t

    processor = _qwen_processor(classes("colqwen3")[1], patch_px=16)
    tokenizer = processor.tokenizer
    rope = _rope(5e6, [4, 2, 2], mrope_interleaved=True)
    config = t.Qwen3VLConfig(
        text_config=_qwen_text(tokenizer, rope, head_dim=16),
        vision_config=_qwen_vision(16, num_position_embeddings=2304, deepstack_visual_indexes=[0]),
        **_qwen_ids(tokenizer),
    )
    return config, processor


def _colqwen3_5() -> tuple[Any, Any]:
    import transformers as t

    processor = _qwen_processor(classes("colqwen3_5")[1], patch_px=16)
    tokenizer = processor.tokenizer
    rope = _rope(1e7, [4, 2, 2], mrope_interleaved=True, partial_rotary_factor=1.0)
    linear = {"linear_key_head_dim": 8, "linear_value_head_dim": 8}
    config = t.Qwen3_5Config(
        text_config={
            **_qwen_text(tokenizer, rope, head_dim=16, **linear),
            "num_hidden_layers": 2,
            "layer_types": ["linear_attention", "full_attention"],
            "linear_num_key_heads": 2,
            "linear_num_value_heads": 2,
        },
        vision_config=_qwen_vision(16, num_position_embeddings=2304),
        **_qwen_ids(tokenizer),
    )
    return config, processor


def tiled_tokenizer(first: str) -> Any:
    """With the tokens around an image's tiles, and this one at the start of a text."""
    tiles = [f"<row_{r}_col_{c}>" for r in range(1, 7) for c in range(1, 7)]
    specials = ["<pad>", first, "<end_of_utterance>", "<fake_token_around_image>", "<image>"]
    return _tokenizer(
        [*specials, "<global-img>", *tiles],
        pad_token="<pad>",
        eos_token="<end_of_utterance>",
        bos_token=first,
    )


def _tiled_processor(processor_class: Any, first: str, *, tile_px: int) -> Any:
    import transformers as t

    tokenizer = tiled_tokenizer(first)
    images = t.Idefics3ImageProcessor(
        size={"longest_edge": TILES * tile_px}, max_image_size={"longest_edge": tile_px}
    )
    side = tile_px // 16 // 4
    return processor_class(image_processor=images, tokenizer=tokenizer, image_seq_len=side**2)


def _colidefics3(tile_px: int = TILE_PX) -> tuple[Any, Any]:
    import transformers as t

    processor = _tiled_processor(classes("colidefics3")[1], "<|im_start|>", tile_px=tile_px)
    ids = {"bos_token_id": 1, "eos_token_id": 2}
    config = t.Idefics3Config(
        vision_config=_vision(patch_size=16, image_size=tile_px),
        text_config=_text(
            len(processor.tokenizer),
            model_type="llama",
            head_dim=16,
            max_position_embeddings=8192,
            **ids,
        ),
        image_token_id=processor.image_token_id,
        scale_factor=4,
        pad_token_id=0,
    )
    return config, processor


def _colmodernvbert(native: bool) -> tuple[Any, Any]:
    import transformers as t

    _, processor_class, _ = classes("colmodernvbert-native" if native else "colmodernvbert")
    processor = _tiled_processor(processor_class, "<|begin_of_text|>", tile_px=TILE_PX)
    return t.ModernVBertConfig(**modernvbert_settings(processor.tokenizer, "modernbert")), processor


def modernvbert_settings(tokenizer: Any, text_model_type: str) -> dict[str, Any]:
    """Of the config of a ModernVBert, or a model of its form with another text model."""
    ids = {"bos_token_id": 1, "eos_token_id": 2, "cls_token_id": 1, "sep_token_id": 2}
    text = _text(len(tokenizer), model_type=text_model_type, max_position_embeddings=8192, **ids)
    del text["num_key_value_heads"]
    vision = _vision(
        model_type="siglip_vision_model", patch_size=16, image_size=TILE_PX, vision_use_head=False
    )
    return {
        "vision_config": vision,
        "text_config": {**text, "num_hidden_layers": 2},
        "image_token_id": tokenizer.convert_tokens_to_ids("<image>"),
        "pixel_shuffle_factor": 4,
    }


def _colgemma3() -> tuple[Any, Any]:
    import transformers as t

    names = {f"{name}_token": f"<{name}>" for name in ("pad", "eos", "bos", "unk")}
    marks = {"boi": "start_of_image", "eoi": "end_of_image", "image": "image_soft_token"}
    tokenizer = _tokenizer(
        [*names.values(), "<start_of_turn>", "<end_of_turn>", *(f"<{m}>" for m in marks.values())],
        **names,
        extra_special_tokens={f"{key}_token": f"<{mark}>" for key, mark in marks.items()},
        chat_template=_GEMMA_CHAT,
    )
    images = t.Gemma3ImageProcessor(size={"height": 448, "width": 448})
    processor = classes("colgemma3")[1](
        image_processor=images, tokenizer=tokenizer, image_seq_length=64
    )
    boi, eoi, image = (tokenizer.convert_tokens_to_ids(f"<{mark}>") for mark in marks.values())
    config = t.Gemma3Config(
        text_config={
            **_text(len(tokenizer), head_dim=16, bos_token_id=2, eos_token_id=1),
            "num_hidden_layers": 2,
            "layer_types": ["sliding_attention", "full_attention"],
        },
        vision_config=_vision(patch_size=14, image_size=448, vision_use_head=False),
        mm_tokens_per_image=64,
        boi_token_index=boi,
        eoi_token_index=eoi,
        image_token_index=image,
    )
    return config, processor


_MAKERS: dict[str, Any] = {
    "colpali": lambda: _colpali(native=False),
    "colqwen2": lambda: _colqwen2(native=False),
    "colqwen2_5": _colqwen2_5,
    "colqwen3": _colqwen3,
    "colqwen3_5": _colqwen3_5,
    "colidefics3": _colidefics3,
    "colidefics3-512": lambda: _colidefics3(tile_px=512),
    "colmodernvbert": lambda: _colmodernvbert(native=False),
    "colgemma3": _colgemma3,
    "colpali-native": lambda: _colpali(native=True),
    "colqwen2-native": lambda: _colqwen2(native=True),
    "colmodernvbert-native": lambda: _colmodernvbert(native=True),
}
_NAMES = {
    "colpali": ("ColPali", "ColPaliProcessor"),
    "colqwen2": ("ColQwen2", "ColQwen2Processor"),
    "colqwen2_5": ("ColQwen2_5", "ColQwen2_5_Processor"),
    "colqwen3": ("ColQwen3", "ColQwen3Processor"),
    "colqwen3_5": ("ColQwen3_5", "ColQwen3_5Processor"),
    "colidefics3": ("ColIdefics3", "ColIdefics3Processor"),
    "colidefics3-512": ("ColIdefics3", "ColIdefics3Processor"),
    "colmodernvbert": ("ColModernVBert", "ColModernVBertProcessor"),
    "colgemma3": ("ColGemma3", "ColGemmaProcessor3"),
    "colpali-native": ("ColPaliForRetrieval", "ColPaliProcessor"),
    "colqwen2-native": ("ColQwen2ForRetrieval", "ColQwen2Processor"),
    "colmodernvbert-native": ("ColModernVBertForRetrieval", "ColModernVBertProcessor"),
}
FAMILIES = tuple(family for family in _MAKERS if family != "colidefics3-512")
QWEN = ("colqwen2", "colqwen2_5", "colqwen3", "colqwen3_5", "colqwen2-native")
TILED = ("colidefics3", "colmodernvbert", "colmodernvbert-native")


def classes(family: str) -> tuple[Any, Any, ModuleType]:
    """The model's class, the processor's, and the module that has both."""
    import colpali_engine.models
    import transformers

    module = transformers if family.endswith("-native") else colpali_engine.models
    model, processor = _NAMES[family]
    return getattr(module, model), getattr(module, processor), module


def save(family: str, folder: Path, *, blind: bool) -> None:
    """Make a checkpoint with random weights, always the same."""
    import torch
    import transformers as t

    torch.manual_seed(0)
    config, processor = _MAKERS[family]()
    if family.endswith("-native"):
        wrapped = {"colpali": t.ColPaliConfig, "colqwen2": t.ColQwen2Config}
        kind = wrapped.get(family.removesuffix("-native"), t.ColModernVBertConfig)
        config = kind(vlm_config=config, embedding_dim=128)
    model = classes(family)[0](config).eval()
    with torch.no_grad():
        _spread(model, torch)
        if blind:
            _blind(model)
    model.save_pretrained(folder)
    processor.save_pretrained(folder)


def _spread(model: Any, torch: ModuleType) -> None:
    """Fresh weights are so small that all vectors are alike, and some parts begin as zeros,
    whose vectors cannot be normalised."""
    for name, weight in model.named_parameters():
        if weight.is_meta:
            continue
        if weight.ndim >= 2:
            weight.mul_(5)
            if not weight.any():
                weight.normal_(0, 0.1)
        if name.endswith("bias"):
            weight.normal_(0, 0.05)
    for module in model.modules():
        if isinstance(module, torch.nn.Embedding) and module.padding_idx is not None:
            module.weight[module.padding_idx].normal_(0, 0.1)


def _blind(model: Any) -> None:
    """No vector sees another, nor where it stands."""
    outputs = 0
    for name, module in model.named_modules():
        if _ATTENTION_OUTPUT.search(name) and hasattr(module, "weight"):
            outputs += 1
            for weight in (module.weight, getattr(module, "bias", None)):
                if weight is not None:
                    weight.zero_()
        elif _POSITIONS.search(name) and hasattr(module, "weight"):
            module.weight.zero_()
    assert outputs >= 2, f"only {outputs} attention outputs; have the modules been renamed?"


class ModelShelf:
    """Folders of tiny checkpoints with random weights, each made once.

    `plain` ones are whole models. `blind` ones have every attention output and position
    embedding at zero, so that a vector depends on its own patch and on nothing else.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._loaded: dict[tuple[str, bool, str], ColVisionEncoder] = {}

    def folder(self, family: str, *, blind: bool = False) -> Path:
        place = self._folder / f"{family}{'-blind' * blind}"
        if not place.is_dir():
            save(family, place, blind=blind)
        return place

    def encoder(self, family: str, *, blind: bool = False, **options: Any) -> ColVisionEncoder:
        """An encoder, loaded once for the same options."""
        key = (family, blind, repr(sorted(options.items())))
        if key not in self._loaded:
            folder = str(self.folder(family, blind=blind))
            self._loaded[key] = ColVisionEncoder(folder, ColVisionOptions(**options))
        return self._loaded[key]
