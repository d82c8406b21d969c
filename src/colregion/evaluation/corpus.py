"""The pages that cases ask about and are searched in, and which cases name theirs."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from colregion.core.embeddings import EmbeddedPage
from colregion.core.regions import ParsedPage
from colregion.core.text import content_terms, fold, terms
from colregion.engine import Engine
from colregion.errors import InvalidInput, UnreadableDocument
from colregion.evaluation.cases import Case

Progress: TypeAlias = Callable[[str, int, int], None]
"""Called with the name of a step, how many of its items are done, and how many there are."""

_QUOTED = re.compile(r'["“](.+?)["”]')


@dataclass(frozen=True, slots=True, eq=False)
class Corpus:
    """Pages, and the position among them of each case's page by the case's id.

    Args:
        documents: the document of each page.
        failed: documents of an archive that could not be read, with the reason.
    """

    pages: Sequence[ParsedPage]
    documents: Sequence[str]
    position: Mapping[str, int]
    failed: Mapping[str, str]

    def page(self, case: Case) -> ParsedPage:
        return self.pages[self.position[case.id]]


def index_pages(
    cases: Sequence[Case], engine: Engine, on_progress: Progress = lambda *_: None
) -> dict[Path, EmbeddedPage]:
    """Add every image that the cases name to the engine's index; returns the page of each. Raises
    UnreadableDocument for an image that cannot be read."""
    images = list(dict.fromkeys(case.image for case in cases))
    pages: dict[Path, EmbeddedPage] = {}
    for done, image in enumerate(images, start=1):
        doc_id = image.as_posix()
        for outcome in engine.add(image, doc_id=doc_id, progress=False).failed:
            raise UnreadableDocument(f"{image}: {outcome.reason}")
        (pages[image],) = engine.index.load(engine.index.page_ids(doc_id)[:1])
        on_progress("reading", done, len(images))
    return pages


def corpus_of_images(cases: Sequence[Case], engine: Engine, on_progress: Progress) -> Corpus:
    """The images that the cases name, added to the engine's index. Raises as `index_pages`."""
    pages = index_pages(cases, engine, on_progress)
    at = {image: i for i, image in enumerate(pages)}
    documents = {case.image: case.doc_id for case in cases}
    return Corpus(
        pages=[page.parsed for page in pages.values()],
        documents=[documents[image] for image in pages],
        position={case.id: at[case.image] for case in cases},
        failed={},
    )


def corpus_of_archive(
    cases: Sequence[Case], engine: Engine, archive: Path, on_progress: Progress
) -> Corpus:
    """All documents of a folder, added to the engine's index unless they are in it unchanged.

    Raises:
        UnreadableDocument: a document that a case names cannot be read.
        InvalidInput: a case names a page that its document does not have, or the index contains
            documents that are not in the folder.
    """
    report = engine.add(
        archive,
        on_progress=lambda done: on_progress("reading", done.files_done, done.files_total),
    )
    failed = {outcome.doc_id: outcome.reason for outcome in report.failed}
    ids: list[str] = []
    documents: list[str] = []
    for entry in engine.documents():
        own = engine.index.page_ids(entry.id)
        ids.extend(own)
        documents.extend([entry.id] * len(own))
    _check_documents(set(documents), archive)
    first = {document: i for i, document in reversed(list(enumerate(documents)))}
    pages_of = Counter(documents)
    for case in cases:
        if case.doc_id in failed or case.doc_id not in first:
            reason = failed.get(case.doc_id, "it was not indexed")
            raise UnreadableDocument(f"{case.image}: {reason}")
        if case.page >= pages_of[case.doc_id]:
            pages = f"{case.doc_id} has {pages_of[case.doc_id]} pages"
            raise InvalidInput(f"case {case.id}: page {case.page} (from 0), but {pages}")
    return Corpus(
        pages=[page.parsed for page in engine.index.load(ids)],
        documents=documents,
        position={case.id: first[case.doc_id] + case.page for case in cases},
        failed=failed,
    )


def _check_documents(documents: set[str], archive: Path) -> None:
    for document in sorted(documents):
        if not (archive / document).is_file():
            raise InvalidInput(
                f"the index contains {document!r}, which is not in {archive}; use an index of this "
                "archive only"
            )


def answerable(cases: Sequence[Case], corpus: Corpus) -> list[bool]:
    """Whether each question names something that tells its document apart in the corpus.

    It does when words that follow each other in the question, not all of them stop words, stand in
    the same order on pages of the case's document, and on no page of another; of words that
    continue each other only the longest such run counts. Words in double quotes need not stand on
    a page of the document, which may have been misread. A question that is asked in the same words
    about several documents never does.
    """
    texts: dict[str, str] = {}
    for document, page in zip(corpus.documents, corpus.pages, strict=True):
        texts[document] = f"{texts.get(document, '')}{_spaced(terms(page.text))}"
    asked_of: dict[str, set[str]] = {}
    for case in cases:
        asked_of.setdefault(fold(case.question), set()).add(case.doc_id)

    def names_only(document: str, question: str) -> bool:
        quoted = [_spaced(words) for text in _QUOTED.findall(question) if (words := terms(text))]
        return any(
            not any(run in text for other, text in texts.items() if other != document)
            for run in quoted + _longest_runs(question, texts[document])
        )

    return [
        len(asked_of[fold(case.question)]) == 1
        and names_only(corpus.documents[corpus.position[case.id]], case.question)
        for case in cases
    ]


def _spaced(words: Sequence[str]) -> str:
    return f" {' '.join(words)} "


def _longest_runs(question: str, text: str) -> list[str]:
    """Runs of a question's terms that stand in a text of spaced terms and cannot be extended."""
    words, content = terms(question), set(content_terms(question))
    runs: list[str] = []
    reached = 0
    for start in range(len(words)):
        end = start
        while end < len(words) and _spaced(words[start : end + 1]) in text:
            end += 1
        if end > reached and content.intersection(words[start:end]):
            runs.append(_spaced(words[start:end]))
        reached = max(reached, end)
    return runs
