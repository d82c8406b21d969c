"""Contextual late interaction over the words of a page, from any encoder of text."""

from __future__ import annotations

import string
import threading
from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np

from colregion.core.embeddings import PageEmbedding, QueryEmbedding
from colregion.core.geometry import BoxPlacement, FloatArray, boxes_to_array
from colregion.core.interfaces import Encoder
from colregion.core.regions import ParsedPage
from colregion.encoders.text.checkpoint import read_late
from colregion.encoders.text.windows import windows, word_of_token
from colregion.encoders.torch_utils.batching import plan, run_halving
from colregion.encoders.torch_utils.devices import pick_device, pick_dtype
from colregion.encoders.torch_utils.model_files import commit_of, digest, fetch
from colregion.encoders.torch_utils.query_tokens import label_words, without_specials
from colregion.errors import BackendError, InvalidInput, require

_BATCH_TOKENS = {"cuda": 16384, "mps": 4096, "cpu": 512}
_BATCH_PAGES = {"cuda": 32, "mps": 8, "cpu": 4}
_LONGEST_WINDOW = 512
# Words that have nothing to do with each other: what their vectors still have in common is the
# model's own, and says nothing about a page.
_UNRELATED = (
    "The harbour master repainted eleven wooden boats before winter.",
    "Interest on unpaid invoices accrues daily at nine percent.",
    "Photosynthesis converts sunlight into sugar inside green leaves.",
    "Her violin teacher cancelled every lesson after Easter.",
    "Pour molten glass slowly onto cold steel plates.",
    "Voters rejected both constitutional amendments in March.",
)
_NOISE_PERCENTILE = 99


class TextModelEncoder(Encoder):
    """A BERT-like model, or a ColBERT checkpoint with its projection and markers.

    A page has a vector for each token of its words, in the context of the words around it, at
    the word's box. Pages longer than the model are read in windows that overlap. A question has
    one for each token; of ColBERT also those of its marker and mask tokens, which count for the
    page's score only. Words are found by meaning in context; the pictures are not looked at.

    What vectors of unrelated words have in common is measured when the model is loaded, and
    taken off regions' scores (`noise_floor`). Safe to use from threads.

    Args:
        source: a hub id, or a folder.
        revision, device, dtype, local_files_only: as of `ColVisionEncoder`.
        batch_tokens: tokens run at once; None for what suits the device.

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
        self._late = read_late(folder, name=str(source))
        self.device = pick_device(torch, device)
        number_type = getattr(torch, pick_dtype(self.device, dtype))
        self.model, self.tokenizer = _load(folder, number_type, self.device)
        self._layers = [
            tuple(part if part is None else part.to(self.device, number_type) for part in layer)
            for layer in (self._late.layers if self._late else ())
        ]
        kind = self.device.partition(":")[0]
        self.batch_pages = _BATCH_PAGES[kind]
        self._batch_tokens = batch_tokens or _BATCH_TOKENS[kind]
        self._lock = threading.Lock()
        self._before, self._after = _frame(self.tokenizer)
        late = self._late
        self._page_marker = self._marker(late.page_marker if late else "")
        self._query_marker = self._marker(late.query_marker if late else "")
        self._size = _window(self.model, self.tokenizer) - len(self._before + self._after) - 1
        self.weighs_terms = self._late is None
        commit = commit_of(folder)
        self.spec = f"text:{source}?revision={commit}" if commit else f"text:{folder}"
        dense = sorted(place for place in folder.glob("*_Dense") if place.is_dir())
        self._fingerprint = f"text:{self.model.config.model_type}@{digest([folder, *dense])}"
        self.noise_floor = self._measured_noise()

    @property
    def fingerprint(self) -> str:
        return self._fingerprint

    def encode_pages(self, pages: Sequence[ParsedPage]) -> list[PageEmbedding]:
        """One embedding a page, float32; a page without words gives (0, D)."""
        read = [self._read([word.text for word in page.words]) for page in pages]
        rows = [
            (i, one)
            for i, (ids, _) in enumerate(read)
            for one in windows(len(ids), size=self._size)
        ]
        vectors = self._run([(read[i][0][one.start : one.stop], False) for i, one in rows])
        embeddings = []
        for i, (page, (ids, word_of)) in enumerate(zip(pages, read, strict=True)):
            # The rows of a window begin with the tokens before the text, which are no words.
            skip = len(self._before + self._page_marker)
            parts = [
                found[skip + one.keep_from - one.start : skip + one.keep_to - one.start]
                for (owner, one), found in zip(rows, vectors, strict=True)
                if owner == i
            ]
            kept = self._kept(ids)
            own = np.concatenate([np.zeros((0, self._dimension), np.float32), *parts])[kept]
            boxes = boxes_to_array(page.words[at].box for at in word_of[kept])
            embeddings.append(PageEmbedding(own, BoxPlacement(boxes)))
        return embeddings

    def encode_query(self, text: str) -> QueryEmbedding:
        """The question's tokens.

        Raises:
            InvalidInput: the text is empty, or longer than the model.
        """
        if not text.strip():
            raise InvalidInput("the question is empty")
        safe = without_specials(text, self.tokenizer.all_special_tokens)
        ids = self._ids(safe)[0]
        if not ids or len(ids) > self._size:
            raise InvalidInput(f"the question has {len(ids)} tokens; the model takes {self._size}")
        (vectors,) = self._run([(ids, True)])
        own = label_words(ids, decode=self._decode)
        tokens, content = list(own.tokens), own.content
        start = len(self._before + self._query_marker)
        if self._late is None:
            vectors = vectors[start : start + len(ids)]
        else:
            n_after = len(vectors) - start - len(ids)
            tokens = ["[Q]"] * start + tokens + ["[MASK]"] * n_after
            content = np.pad(content, (start, n_after))
        return QueryEmbedding(vectors, tuple(tokens), content, np.ones(len(tokens), np.float32))

    def _read(self, words: Sequence[str]) -> tuple[list[int], np.ndarray]:
        """The tokens of a page, and the word that each belongs to."""
        if not words:
            return [], np.zeros(0, dtype=np.int64)
        safe = [without_specials(word, self.tokenizer.all_special_tokens) for word in words]
        ids, spans = self._ids(" ".join(safe))
        return ids, word_of_token(safe, spans)

    def _ids(self, text: str) -> tuple[list[int], list[tuple[int, int]]]:
        found = self.tokenizer(
            text, add_special_tokens=False, return_offsets_mapping=True, verbose=False
        )
        return list(found["input_ids"]), [tuple(span) for span in found["offset_mapping"]]

    def _kept(self, ids: Sequence[int]) -> np.ndarray:
        """(tokens,) which of a page's tokens have vectors."""
        if self._late is None or not self._late.skips_punctuation:
            return np.ones(len(ids), dtype=bool)
        words = self.tokenizer.convert_ids_to_tokens(list(ids))
        return np.array([not set(word) <= set(string.punctuation) for word in words], dtype=bool)

    def _marker(self, name: str) -> list[int]:
        """The id of ColBERT's marker; [] for a plain model."""
        vocabulary = self.tokenizer.get_vocab()
        for spelling in filter(None, (name, name.strip())):
            if spelling in vocabulary:
                return [vocabulary[spelling]]
        if name:
            raise BackendError(f"the tokenizer lacks the marker {name!r}; fetch the model again")
        return []

    def _run(self, texts: Sequence[tuple[Sequence[int], bool]]) -> list[FloatArray]:
        """For each (ids, is question) the vectors (T, D) of all of its tokens, float32."""
        rows = [self._framed(ids, question=question) for ids, question in texts]
        done: dict[int, FloatArray] = {}
        torch = require("torch", extra="text")

        def run(positions: Sequence[int]) -> list[FloatArray]:
            return self._forward([rows[i] for i in positions])

        with self._lock:
            for batch in plan([len(ids) for ids, _ in rows], budget=self._batch_tokens):
                done.update(zip(batch, run_halving(batch, run, torch=torch), strict=True))
        return [done[i] for i in range(len(rows))]

    def _framed(self, ids: Sequence[int], *, question: bool) -> tuple[list[int], list[int]]:
        """Ids with what stands around them, and their attention mask."""
        marker = self._query_marker if question else self._page_marker
        framed = [*self._before, *marker, *ids, *self._after]
        seen = [1] * len(framed)
        if question and self._late is not None:
            n_masks = max(self._late.query_length - len(framed), 0)
            framed += [self.tokenizer.mask_token_id] * n_masks
            seen += [int(self._late.attends_to_masks)] * n_masks
        return framed, seen

    def _forward(self, rows: Sequence[tuple[list[int], list[int]]]) -> list[FloatArray]:
        torch = require("torch", extra="text")
        longest = max(len(ids) for ids, _ in rows)
        pad = self.tokenizer.pad_token_id or 0
        ids = torch.tensor([[*ids, *[pad] * (longest - len(ids))] for ids, _ in rows])
        mask = torch.tensor([[*seen, *[0] * (longest - len(seen))] for _, seen in rows])
        with torch.inference_mode():
            found = self.model(
                input_ids=ids.to(self.device), attention_mask=mask.to(self.device)
            ).last_hidden_state
            for weight, bias in self._layers:
                found = torch.nn.functional.linear(found, weight, bias)
            found = torch.nn.functional.normalize(found.float(), dim=-1).cpu().numpy()
        vectors = [one[: len(ids)] for one, (ids, _) in zip(found, rows, strict=True)]
        if not all(np.isfinite(one).all() for one in vectors):
            raise BackendError("the model gave no numbers; try dtype='float32'")
        return vectors

    def _measured_noise(self) -> float:
        """The similarity that one pair in a hundred of unrelated words exceeds."""
        texts = [self._ids(text)[0][: self._size] for text in _UNRELATED]
        start = len(self._before + self._page_marker)
        rows = self._run([(ids, False) for ids in texts])
        own = [row[start : start + len(ids)] for ids, row in zip(texts, rows, strict=True)]
        self._dimension = own[0].shape[1]
        # A piece that two words share is alike for a reason.
        pairs = [
            (own[i] @ own[j].T)[np.not_equal.outer(texts[i], texts[j])]
            for i, j in combinations(range(len(texts)), 2)
        ]
        floor = float(np.percentile(np.concatenate(pairs), _NOISE_PERCENTILE))
        return round(min(max(floor, 0.0), 0.95), 3)

    def _decode(self, ids: Sequence[int]) -> str:
        return str(self.tokenizer.decode(ids, clean_up_tokenization_spaces=False))


def _load(folder: Any, number_type: Any, device: str) -> tuple[Any, Any]:
    transformers = require("transformers", extra="text")
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True)
        model, info = transformers.AutoModel.from_pretrained(
            folder,
            dtype=number_type,
            use_safetensors=True,
            local_files_only=True,
            output_loading_info=True,
        )
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, ImportError) as cause:
        raise BackendError(f"{folder} could not be loaded as a text model: {cause}") from cause
    # What pools a whole text is of no use here, and often not saved.
    missing = sorted(key for key in info["missing_keys"] if "pooler" not in key)
    if missing:
        raise BackendError(
            f"{folder} lacks the weights {', '.join(missing[:3])}, which would be random"
        )
    if not getattr(tokenizer, "is_fast", False):
        raise InvalidInput(f"{folder} has no tokenizer.json, which says where tokens stand")
    return model.to(device).eval(), tokenizer


def _frame(tokenizer: Any) -> tuple[list[int], list[int]]:
    """What the tokenizer puts before and after a text."""
    bare = tokenizer("a", add_special_tokens=False)["input_ids"]
    whole = list(tokenizer("a")["input_ids"])
    for start in range(len(whole) - len(bare) + 1):
        if whole[start : start + len(bare)] == list(bare):
            return whole[:start], whole[start + len(bare) :]
    raise BackendError("the tokenizer changes a text when it adds special tokens")


def _window(model: Any, tokenizer: Any) -> int:
    """Tokens that the model takes at once, as its tokenizer and its positions allow."""
    positions = getattr(model.config, "max_position_embeddings", None) or _LONGEST_WINDOW
    # Models after RoBERTa begin to count positions behind the padding's.
    pad = getattr(model.config, "pad_token_id", None) or 0
    return int(min(tokenizer.model_max_length, positions - pad - 1, _LONGEST_WINDOW))
