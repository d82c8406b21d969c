"""One vector per text, by a model of sentence-transformers: the usual dense retrieval."""

from __future__ import annotations

import numpy as np

from colregion.core.geometry import FloatArray
from colregion.encoders.torch_utils.model_files import fetch
from colregion.errors import BackendError, require


class DenseModel:
    """A sentence-transformers model. Its vectors have length 1, so that their product is the
    cosine.

    Args:
        source: a hub id or a folder, with or without `text:` before it.

    Raises:
        MissingDependency: the extra `text` is not installed.
        InvalidInput: no such model.
        BackendError: the model cannot be fetched or loaded.
    """

    def __init__(self, source: str) -> None:
        library = require("sentence_transformers", extra="text")
        folder = fetch(
            source.removeprefix("text:"), revision=None, local_files_only=False, extra="text"
        )
        options = {"use_safetensors": True, "local_files_only": True}
        try:
            self._model = library.SentenceTransformer(
                str(folder), local_files_only=True, model_kwargs=options
            )
        except (OSError, ValueError, KeyError, TypeError, RuntimeError, ImportError) as cause:
            message = f"{folder} could not be loaded as a model of whole texts: {cause}"
            raise BackendError(message) from cause

    def encode_documents(self, texts: list[str]) -> FloatArray:
        """(N, D) float32; what exceeds the model's length is cut off, as such models do."""
        options = {"normalize_embeddings": True, "show_progress_bar": False}
        return np.asarray(self._model.encode_document(texts, **options))

    def encode_query(self, text: str) -> FloatArray:
        """(D,) float32."""
        options = {"normalize_embeddings": True, "show_progress_bar": False}
        return np.asarray(self._model.encode_query(text, **options))
