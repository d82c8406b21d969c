"""Contextual late interaction over the words of a page, with any text model."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from colregion.core.embeddings import PageEmbedding, QueryEmbedding
from colregion.core.geometry import BoxPlacement, FloatArray, IntArray, boxes_to_array
from colregion.core.interfaces import Encoder
from colregion.core.regions import ParsedPage
from colregion.encoders.text.loading import load_model
from colregion.encoders.text.windows import windows, word_of_character
from colregion.encoders.torch_utils.batching import plan, run_halving
from colregion.encoders.torch_utils.devices import pick_device, pick_dtype
from colregion.encoders.torch_utils.model_files import commit_of, digest, fetch
from colregion.encoders.torch_utils.query_tokens import label_words, without_specials
from colregion.errors import BackendError, InvalidInput, require

_BATCH_TOKENS = {"cuda": 16384, "mps": 4096, "cpu": 512}
_BATCH_PAGES = {"cuda": 32, "mps": 8, "cpu": 4}
_MAX_WINDOW = 512
# Sentences without a common topic: the similarity of their words is an artefact of the model and
# says nothing about a page.
_UNRELATED = (
    "The harbour master repainted eleven wooden boats before winter.",
    "Interest on unpaid invoices accrues daily at nine percent.",
    "Photosynthesis converts sunlight into sugar inside green leaves.",
    "Her violin teacher cancelled every lesson after Easter.",
    "Pour molten glass slowly onto cold steel plates.",
    "Voters rejected both constitutional amendments in March.",
)
_NOISE_PERCENTILE = 99


class _EncodedText(NamedTuple):
    """The T tokens of one text as the model sees it."""

    ids: IntArray  # (T,)
    vectors: FloatArray  # (T, D) float32
    scored: NDArray[np.bool_]  # (T,) which tokens the model was trained to score
    # (T,) the place in the text of each token's last character; -1 for markers and mask tokens
    last_character: IntArray


class TextModelEncoder(Encoder):
    """A BERT-like model or a ColBERT checkpoint, run by sentence-transformers.

    A page has a vector for each token of its words, in the context of the words around it, at
    the word's box. Pages longer than the model are read in overlapping windows. A question has
    a vector for each token; with ColBERT also for the marker and mask tokens, which count for
    the page's score only. Words are matched by meaning in context; page images are not used.

    The similarity that vectors of unrelated words have is measured when the model is loaded, and
    subtracted from regions' scores (`noise_floor`). Safe to use from threads.

    Args:
        source: a hub id, or a folder.
        revision, device, dtype, local_files_only: as in `ColVisionOptions`.
        batch_tokens: tokens per forward pass; None for a default that suits the device.

    Raises:
        MissingDependency: the extra `text` is not installed.
        InvalidInput: no such model, or one that does not read text.
        BackendError: the model cannot be fetched, is incomplete or cannot be loaded.
    """

    def __init__(
        self,
        source: str,
        *,
        revision: str | None = None,
        device: str | None = None,
        dtype: str | None = None,
        batch_tokens: int | None = None,
        local_files_only: bool = False,
    ) -> None:
        torch = require("torch", extra="text")
        folder = fetch(source, revision=revision, local_files_only=local_files_only, extra="text")
        self.device = pick_device(torch, device)
        number_type = getattr(torch, pick_dtype(self.device, dtype))
        self.model, self._late = load_model(folder, device=self.device, dtype=number_type)
        self.tokenizer = self.model.tokenizer
        added = [*self.tokenizer.all_special_tokens, *self.tokenizer.get_added_vocab()]
        self._specials = sorted({name.strip() for name in added})
        kind = self.device.partition(":")[0]
        self.batch_pages = _BATCH_PAGES[kind]
        self._batch_tokens = batch_tokens or _BATCH_TOKENS[kind]
        self._lock = threading.Lock()
        prompts = self.model.prompts
        self._prompts = {task: str(prompts.get(task) or "") for task in ("query", "document")}
        config = self.model[0].config
        longest_frame = max(len(self._tokenize(prompt)[0]) for prompt in self._prompts.values())
        self._size = _window(config, self.tokenizer) - longest_frame - 1
        self.weighs_terms = not self._late
        commit = commit_of(folder)
        self.spec = f"text:{source}?revision={commit}" if commit else f"text:{folder}"
        dense = sorted(path for path in folder.glob("*_Dense") if path.is_dir())
        self._fingerprint = f"text:{config.model_type}@{digest([folder, *dense])}"
        self.noise_floor = self._measure_noise()

    @property
    def fingerprint(self) -> str:
        return self._fingerprint

    def encode_pages(self, pages: Sequence[ParsedPage]) -> list[PageEmbedding]:
        """One embedding per page, float32; a page without words gives (0, D)."""
        words = [
            [without_specials(word.text, self._specials) for word in page.words] for page in pages
        ]
        texts: list[str] = []
        used: list[tuple[int, int, int, int]] = []  # page, and characters: offset, first, end
        for i, page_words in enumerate(words):
            text = " ".join(page_words)
            _, spans = self._tokenize(text, add_special_tokens=False)
            edges = [start for start, _ in spans] + [len(text)]
            for one in windows(len(spans), size=self._size):
                texts.append(text[edges[one.start] : edges[one.stop]])
                used.append((i, edges[one.start], edges[one.use_from], edges[one.use_to]))
        parts: list[list[tuple[FloatArray, IntArray]]] = [[] for _ in pages]
        for (i, offset, first, end), encoded in zip(used, self._encode(texts), strict=True):
            place = np.where(encoded.last_character < 0, -1, encoded.last_character + offset)
            use = encoded.scored & (first <= place) & (place < end)
            parts[i].append((encoded.vectors[use], word_of_character(words[i], place[use])))
        embeddings = []
        for page, page_parts in zip(pages, parts, strict=True):
            vectors = [np.zeros((0, self._dimension), np.float32), *(v for v, _ in page_parts)]
            boxes = [page.words[at].box for _, indices in page_parts for at in indices]
            placement = BoxPlacement(boxes_to_array(boxes))
            embeddings.append(PageEmbedding(np.concatenate(vectors), placement))
        return embeddings

    def encode_query(self, text: str) -> QueryEmbedding:
        """The question's tokens; with ColBERT also its markers, "[Q]", and mask tokens, "[MASK]".
        Raises InvalidInput for a text that is empty, or longer than the model takes."""
        if not text.strip():
            raise InvalidInput("the question is empty")
        safe = without_specials(text, self._specials)
        n_tokens = len(self._tokenize(safe, add_special_tokens=False)[0])
        if not 0 < n_tokens <= self._size:
            raise InvalidInput(f"the question has {n_tokens} tokens; the model takes {self._size}")
        (encoded,) = self._encode([safe], task="query")
        own = np.flatnonzero(encoded.last_character >= 0)
        labels = label_words(encoded.ids[own].tolist(), decode=self._decode)
        tokens = np.full(len(encoded.ids), "[MASK]", dtype=object)
        tokens[: own[0]] = "[Q]"
        tokens[own] = labels.tokens
        content = np.zeros(len(tokens), dtype=bool)
        content[own] = labels.content
        used = encoded.scored if self._late else encoded.last_character >= 0
        weights = np.ones(int(used.sum()), dtype=np.float32)
        return QueryEmbedding(encoded.vectors[used], tuple(tokens[used]), content[used], weights)

    def _encode(self, texts: Sequence[str], *, task: str = "document") -> list[_EncodedText]:
        """Every text's tokens as the model sees them for this task."""
        prompt = self._prompts[task]
        torch = require("torch", extra="text")

        def run(positions: Sequence[int]) -> list[Any]:
            batch = [texts[i] for i in positions]
            options = {"batch_size": len(batch), "show_progress_bar": False, "output_value": None}
            return list(self.model.encode(batch, prompt=prompt, task=task, **options))

        tokenized = [self._tokenize(prompt + text) for text in texts]
        outputs: dict[int, Any] = {}
        with self._lock:
            for batch in plan([len(ids) for ids, _ in tokenized], budget=self._batch_tokens):
                outputs.update(zip(batch, run_halving(batch, run, torch), strict=True))
        return [
            self._placed(outputs[i], ids, [(a - len(prompt), b - len(prompt)) for a, b in spans])
            for i, (ids, spans) in enumerate(tokenized)
        ]

    def _placed(
        self, output: Any, ids: Sequence[int], spans: Sequence[tuple[int, int]]
    ) -> _EncodedText:
        """The model's output for one text, less its padding, with each token's place."""
        expanded = output.get("query_expansion_positions")
        n_tokens = len(ids) + (int(expanded.sum()) if expanded is not None else 0)
        padded = self.tokenizer.padding_side == "left"
        rows = slice(-n_tokens, None) if padded else slice(n_tokens)
        seen = output["input_ids"][rows].cpu().numpy()
        if seen[: len(ids)].tolist() != list(ids):
            raise BackendError("sentence-transformers cut the text otherwise than its tokenizer")
        vectors = output["token_embeddings"][rows].float()
        vectors = require("torch", extra="text").nn.functional.normalize(vectors, dim=-1)
        vectors = vectors.cpu().numpy()
        if not np.isfinite(vectors).all():
            raise BackendError("the model returned values that are not finite; try dtype='float32'")
        last = np.full(n_tokens, -1)
        last[: len(ids)] = [end - 1 if end > max(0, start) else -1 for start, end in spans]
        scored = output["attention_mask"][rows].bool().cpu().numpy()
        return _EncodedText(seen, vectors, scored, last)

    def _tokenize(
        self, text: str, *, add_special_tokens: bool = True
    ) -> tuple[list[int], list[tuple[int, int]]]:
        """Token ids and the characters, half-open, that each token stands for."""
        options = {"return_offsets_mapping": True, "verbose": False}
        result = self.tokenizer(text, add_special_tokens=add_special_tokens, **options)
        return list(result["input_ids"]), [tuple(span) for span in result["offset_mapping"]]

    def _measure_noise(self) -> float:
        """The similarity that one in a hundred pairs of unrelated words exceeds."""
        spans = [self._tokenize(text, add_special_tokens=False)[1] for text in _UNRELATED]
        ends = [text_spans[: self._size][-1][1] for text_spans in spans]
        encoded = self._encode([text[:end] for text, end in zip(_UNRELATED, ends, strict=True)])
        self._dimension = encoded[0].vectors.shape[1]
        own = [(e.ids[e.last_character >= 0], e.vectors[e.last_character >= 0]) for e in encoded]
        # A piece that two words share is alike for a reason.
        pairs = [
            (a @ b.T)[np.not_equal.outer(ids_a, ids_b)]
            for (ids_a, a), (ids_b, b) in combinations(own, 2)
        ]
        floor = float(np.percentile(np.concatenate(pairs), _NOISE_PERCENTILE))
        return round(min(max(floor, 0.0), 0.95), 3)

    def _decode(self, ids: Sequence[int]) -> str:
        return str(self.tokenizer.decode(ids, clean_up_tokenization_spaces=False))


def _window(config: Any, tokenizer: Any) -> int:
    """Tokens that the model takes at once, as its tokenizer and its positions allow."""
    positions = getattr(config, "max_position_embeddings", None) or _MAX_WINDOW
    # RoBERTa and its successors count positions from after the padding token's.
    pad = getattr(config, "pad_token_id", None) or 0
    return int(min(tokenizer.model_max_length, positions - pad - 1, _MAX_WINDOW))
