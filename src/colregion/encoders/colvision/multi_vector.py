"""Visual models in the form of sentence-transformers (6 and later), such as ColUltraVBERT: a
backbone of transformers, and layers in folders of their own."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from PIL import Image

from colregion.encoders.torch_utils.model_files import read_modules
from colregion.errors import BackendError, InvalidInput, require

_OWN_LAYERS = "sentence_transformers."


def layer_folders(folder: Path, *, name: str) -> list[Path] | None:
    """The folders of a visual model's layers, besides the backbone at its top; None for a model of
    another form. Raises InvalidInput for layers whose code is in its repository."""
    modules = read_modules(folder)
    kinds = [str(module.get("type", "")) for module in modules]
    if any(kind.endswith((".Pooling", ".CLIPModel")) for kind in kinds):
        return None  # one vector for a whole page
    own = [kind for kind in kinds if not kind.startswith(_OWN_LAYERS)]
    if own:
        raise InvalidInput(
            f"{name} needs Python code of its own repository ({own[0]}), which is not run"
        )
    return [folder / str(module["path"]) for module in modules if module.get("path")]


def load_multi_vector(folder: Path, *, options: Mapping[str, Any]) -> tuple[Any, Any]:
    """The model, and its processor with the interface of the other families'.

    Raises BackendError where weights of the backbone are missing, or tokens have no vectors.
    """
    library = require("sentence_transformers", extra="text")
    encoder = library.MultiVectorEncoder(
        str(folder),
        device="cpu",
        local_files_only=True,
        model_kwargs={**options, "use_safetensors": True},
    )
    backbone = encoder[0].model
    _, info = type(backbone).from_pretrained(
        folder, device_map="meta", local_files_only=True, output_loading_info=True
    )
    missing = sorted(key for key in info["missing_keys"] if "pooler" not in key)
    if missing:
        raise BackendError(
            f"{folder} lacks the weights {', '.join(missing[:3])}, which would be random; fetch "
            "the model again"
        )
    pages = MultiVectorPages(encoder)
    if "input_ids" not in pages.process_images([Image.new("RGB", (64, 64))]):
        raise BackendError(
            f"{folder} does not tell which of a page's vectors look at its patches: its processor "
            "makes no sequence of tokens from a page"
        )
    return _as_model(encoder, pages), pages


class MultiVectorPages:
    """The interface of the other families' processors over the one of sentence-transformers.

    It holds no weights, and can be sent to other processes.
    """

    def __init__(self, encoder: Any) -> None:
        light = copy.copy(encoder[0])
        light._modules = {}
        light.model = SimpleNamespace(config=encoder[0].model.config)
        self._transformer = light
        self._prompts = {task: encoder.prompts.get(task) or None for task in ("query", "document")}
        processor = encoder[0].processor
        self.tokenizer, self.image_processor = processor.tokenizer, processor.image_processor
        for setting in ("image_seq_len", "image_seq_length"):
            if hasattr(processor, setting):
                setattr(self, setting, getattr(processor, setting))

    def process_images(self, images: Sequence[Image.Image]) -> dict[str, Any]:
        """The model's inputs for pages."""
        return self._tensors([image.convert("RGB") for image in images], task="document")

    def process_queries(self, texts: Sequence[str]) -> dict[str, Any]:
        """The model's inputs for questions."""
        return self._tensors(list(texts), task="query")

    def modality(self, *, task: str) -> Any:
        """What sentence-transformers calls the inputs of pages or questions."""
        example = [Image.new("RGB", (64, 64))] if task == "document" else ["a"]
        return self._features(example, task=task)["modality"]

    def _features(self, inputs: list[Any], *, task: str) -> dict[str, Any]:
        features: dict[str, Any] = self._transformer.preprocess(
            inputs, prompt=self._prompts[task], task=task
        )
        return features

    def _tensors(self, inputs: list[Any], *, task: str) -> dict[str, Any]:
        features = self._features(inputs, task=task)
        return {name: value for name, value in features.items() if hasattr(value, "dtype")}


def _as_model(encoder: Any, pages: MultiVectorPages) -> Any:
    torch = require("torch", extra="text")
    modality = {task: pages.modality(task=task) for task in ("query", "document")}

    class MultiVectorModel(torch.nn.Module):  # type: ignore[misc,name-defined]
        """All layers as one, called as the models of the other families are."""

        def __init__(self) -> None:
            super().__init__()
            self.encoder = encoder
            self.config = encoder[0].model.config
            self.dtype = encoder[0].model.dtype

        def forward(self, **inputs: Any) -> Any:
            task = "document" if "pixel_values" in inputs else "query"
            features = self.encoder({**inputs, "modality": modality[task]}, task=task)
            if not torch.equal(features["attention_mask"].bool(), inputs["attention_mask"].bool()):
                raise BackendError(
                    f"this model gives some tokens of a {task} no vectors, which is not supported"
                )
            return features["token_embeddings"]

    return MultiVectorModel()
