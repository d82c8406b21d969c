"""Tiny random text models: a BERT, and ColBERT checkpoints as Stanford and as PyLate save them."""

from __future__ import annotations

import json
import string
from pathlib import Path
from typing import Any

WORDS = "total amount due date the of is what invoice revenue".split()
POSITIONS = 40
DIMENSION = 16


def save_bert(folder: Path, *, specials: tuple[str, ...] = ()) -> Any:
    """A BERT that knows a few words and spells all others; returns the model."""
    import torch
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    marks = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[unused0]", "[unused1]", *specials]
    letters = string.ascii_lowercase + string.digits + string.punctuation
    names = dict.fromkeys([*marks, *WORDS, *letters, *(f"##{letter}" for letter in letters)])
    vocabulary = {name: i for i, name in enumerate(names)}
    core = Tokenizer(models.WordPiece(vocab=vocabulary, unk_token="[UNK]"))
    core.normalizer = normalizers.BertNormalizer()
    core.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    core.decoder = decoders.WordPiece(prefix="##")
    core.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=core,
        model_max_length=POSITIONS,
        **{f"{name}_token": f"[{name.upper()}]" for name in ("pad", "unk", "cls", "sep", "mask")},
    )
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=POSITIONS,
        initializer_range=0.3,
    )
    model = BertModel(config).eval()
    # A word should be more like itself elsewhere than like its neighbours.
    model.embeddings.position_embeddings.weight.data.mul_(0.1)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return model


def save_stanford(folder: Path, *, query_length: int = 12) -> tuple[Any, Any]:
    """A checkpoint of Stanford's ColBERT: one file, the projection among the weights."""
    import torch
    from safetensors.torch import load_file, save_file

    model = save_bert(folder)
    weight = torch.randn(DIMENSION, 32)
    file = folder / "model.safetensors"
    weights = {f"bert.{name}": tensor for name, tensor in load_file(file).items()}
    save_file({**weights, "linear.weight": weight}, file, metadata={"format": "pt"})
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    (folder / "config.json").write_text(json.dumps({**config, "architectures": ["HF_ColBERT"]}))
    settings = {
        "query_token_id": "[unused0]",
        "doc_token_id": "[unused1]",
        "mask_punctuation": True,
    }
    (folder / "artifact.metadata").write_text(
        json.dumps({**settings, "query_maxlen": query_length})
    )
    return model, weight


def save_pylate(folder: Path, *, pooled: bool = False, activation: str = "Identity") -> Any:
    """A checkpoint as PyLate saves it: the projection in a folder of its own."""
    import torch
    from safetensors.torch import save_file

    save_bert(folder, specials=("[Q] ", "[D] "))
    weight = torch.randn(DIMENSION, 32)
    dense = folder / "1_Dense"
    dense.mkdir()
    save_file({"linear.weight": weight}, dense / "model.safetensors")
    function = (
        f"torch.nn.modules.{'linear' if activation == 'Identity' else 'activation'}.{activation}"
    )
    sizes = {"in_features": 32, "out_features": DIMENSION, "bias": False}
    (dense / "config.json").write_text(json.dumps({**sizes, "activation_function": function}))
    kinds = [
        ("", "sentence_transformers.models.Transformer"),
        ("1_Dense", "pylate.models.Dense.Dense"),
    ]
    if pooled:
        kinds.insert(1, ("1_Pooling", "sentence_transformers.models.Pooling"))
    modules = [
        {"idx": i, "name": str(i), "path": path, "type": kind}
        for i, (path, kind) in enumerate(kinds)
    ]
    (folder / "modules.json").write_text(json.dumps(modules))
    settings = {"query_prefix": "[Q] ", "document_prefix": "[D] ", "query_length": 10}
    (folder / "config_sentence_transformers.json").write_text(json.dumps(settings))
    return weight
