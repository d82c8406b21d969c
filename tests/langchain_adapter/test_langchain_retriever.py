from __future__ import annotations

import asyncio
import copy
import json
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from langchain_classic.retrievers import EnsembleRetriever, MultiQueryRetriever
from langchain_core.documents import Document
from langchain_core.language_models import FakeListChatModel
from langchain_core.load import dumps, loads
from langchain_core.prompts import PromptTemplate
from langchain_core.runnables import ConfigurableField, RunnableConfig
from langchain_core.tools import create_retriever_tool
from PIL import Image
from pydantic import ValidationError

from colregion import Engine, InvalidInput
from colregion.export.overlay import CROP_MARGIN
from colregion.langchain import RegionRetriever

FUEL = "What did fuel and electricity cost in 2024, in million euros?"


def ids(documents: list[Document]) -> list[str | None]:
    return [document.id for document in documents]


def test_documents_are_the_hits_of_the_engine(engine: Engine) -> None:
    hits = engine.search(FUEL)
    found = RegionRetriever(engine=engine).invoke(FUEL)
    assert ids(found) == [hit.id for hit in hits]
    assert [document.page_content for document in found] == [hit.text for hit in hits]
    assert [document.metadata for document in found] == [
        hit.to_metadata(confidence=False, quotes=False) for hit in hits
    ]
    assert found[0].metadata["region_id"] == found[0].id
    assert found[0].metadata["team"] == "x"


def test_the_score_is_stored_under_score_key(engine: Engine) -> None:
    found = RegionRetriever(engine=engine, score_key="relevance").invoke(FUEL)
    hits = engine.search(FUEL)
    assert [document.metadata["relevance"] for document in found] == [hit.score for hit in hits]
    json.dumps([document.metadata for document in found])


@pytest.mark.parametrize(
    ("kwargs", "expected"),
    [
        ({}, 5),
        ({"k": 1}, 1),
        ({"k": 7, "verbose": True}, 7),
        ({"k": None, "filters": None}, 5),
        ({"filters": {"kind": "table", "metadata.team": "x", "page_number": 5}}, 1),
        ({"filters": [{"doc_id": "report"}, {"doc_id": "paper"}]}, 0),
    ],
)
async def test_a_call_may_have_its_own_k_and_filters(
    engine: Engine, kwargs: dict[str, Any], expected: int
) -> None:
    retriever = RegionRetriever(engine=engine)
    found = retriever.invoke(FUEL, **kwargs)
    assert len(found) == expected
    assert await retriever.ainvoke(FUEL, **kwargs) == found
    assert retriever.bind(**kwargs).invoke(FUEL) == found


def test_a_call_can_only_narrow_the_filters(engine: Engine) -> None:
    retriever = RegionRetriever(engine=engine, k=50, filters={"doc_id": "report"})
    everything = retriever.invoke(FUEL)
    assert {document.metadata["doc_id"] for document in everything} == {"report"}
    assert retriever.invoke(FUEL, filters={"doc_id": "paper"}) == []
    assert retriever.invoke(FUEL, filters={"doc_id": ["paper", "report"]}) == everything
    page = retriever.invoke(FUEL, filters={"page_number": 2})
    assert {document.metadata["page_number"] for document in page} == {2}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "give index="),
        ({"index": "a", "engine": ...}, "not both"),
        ({"engine": ..., "k": 0}, "greater than or equal to 1"),
        ({"engine": ..., "top_k": 9}, "top_k"),
        ({"engine": ..., "filters": {"page": 3}}, "unknown filter key 'page'"),
        ({"engine": ..., "filters": {"page_number": {"above": 3}}}, "unknown operator 'above'"),
    ],
)
def test_invalid_arguments_are_refused(
    engine: Engine, arguments: dict[str, Any], message: str
) -> None:
    given: dict[str, Any] = {
        key: engine if value is ... else value for key, value in arguments.items()
    }
    with pytest.raises(ValidationError, match=message):
        RegionRetriever(**given)


@pytest.mark.parametrize(
    ("question", "kwargs", "error", "message"),
    [
        (" \n", {}, InvalidInput, "empty"),
        (FUEL, {"k": 0}, InvalidInput, "k must be"),
        (FUEL, {"filters": {"page": 3}}, InvalidInput, "unknown filter key"),
        (FUEL, {"filter": {"page_number": 3}}, TypeError, "'filter'"),
    ],
)
async def test_invalid_call_arguments_are_refused(
    engine: Engine, question: str, kwargs: dict[str, Any], error: type[Exception], message: str
) -> None:
    retriever = RegionRetriever(engine=engine)
    with pytest.raises(error, match=message):
        retriever.invoke(question, **kwargs)
    with pytest.raises(error, match=message):
        await retriever.ainvoke(question, **kwargs)


@pytest.mark.slow
def test_a_very_long_question_is_answered(engine: Engine) -> None:
    assert len(RegionRetriever(engine=engine).invoke("electricity " * 4200)) == 5


def test_a_missing_index_is_not_created(tmp_path: Path) -> None:
    retriever = RegionRetriever(index=tmp_path / "mistyped")
    with pytest.raises(InvalidInput, match="mistyped"):
        retriever.invoke(FUEL)
    assert not (tmp_path / "mistyped").exists()


def test_the_index_is_opened_at_the_first_question(tmp_path: Path) -> None:
    RegionRetriever(index=str(tmp_path / "later"))
    assert list(tmp_path.iterdir()) == []


async def test_concurrent_questions_run_concurrently(
    meeting_engine: Callable[[int], Engine],
) -> None:
    retriever = RegionRetriever(engine=meeting_engine(4), k=2)
    answers = await asyncio.gather(*(retriever.ainvoke("total") for _ in range(4)))
    assert [len(answer) for answer in answers] == [2] * 4


def test_a_batch_runs_in_threads(meeting_engine: Callable[[int], Engine]) -> None:
    retriever = RegionRetriever(engine=meeting_engine(3), k=2)
    first, second, third = retriever.batch(["total", "address", "due"])
    assert ids(first) == ["doc#p1#1", "doc#p2#1"]
    assert ids(second) == ["doc#p1#2", "doc#p2#2"]
    assert ids(third) == ids(first)


def test_copies_of_a_retriever_share_its_engine(engine: Engine, folder: Path) -> None:
    held = RegionRetriever(engine=engine, filters={"doc_id": "report"})
    for one in (copy.copy(held), copy.deepcopy(held), held.model_copy(update={"k": 5})):
        assert one.engine is engine
        assert one.invoke(FUEL) == held.invoke(FUEL)
    named = RegionRetriever(index=folder, k=2, score_key="score")
    for one in (copy.deepcopy(named), pickle.loads(pickle.dumps(named))):
        assert one == named
        assert one.invoke(FUEL) == named.invoke(FUEL)
    Engine.shared(folder).close()


def test_an_index_is_opened_once_however_often_a_retriever_is_rebuilt(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = []
    really_open = Engine.open

    def counted(*args: Any, **kwargs: Any) -> Engine:
        opened.append(args)
        return really_open(*args, **kwargs)

    monkeypatch.setattr(Engine, "open", counted)
    retriever = RegionRetriever(index=str(folder)).configurable_fields(
        k=ConfigurableField(id="k"), filters=ConfigurableField(id="filters")
    )
    for k in (1, 2, 3):
        assert len(retriever.invoke(FUEL, {"configurable": {"k": k}})) == k
    on_page: RunnableConfig = {"configurable": {"k": 2, "filters": {"page_number": 4}}}
    assert {d.metadata["page_number"] for d in retriever.invoke(FUEL, on_page)} == {4}
    assert len(opened) == 1
    Engine.shared(folder).close()


async def test_events_name_the_retriever_and_its_documents(engine: Engine) -> None:
    retriever = RegionRetriever(engine=engine, k=2, tags=["regions"])
    events = [event async for event in retriever.astream_events(FUEL, version="v2")]
    start, *_, end = events
    assert (start["event"], end["event"]) == ("on_retriever_start", "on_retriever_end")
    assert start["metadata"]["ls_retriever_name"] == "region"
    assert start["metadata"]["ls_vector_store_provider"] == "colregion"
    assert start["metadata"]["ls_embedding_model"] == engine.encoder.fingerprint
    assert start["tags"] == ["regions"]
    assert end["data"]["output"] == retriever.invoke(FUEL)
    assert list(retriever.stream(FUEL)) == [retriever.invoke(FUEL)]


@pytest.mark.filterwarnings("ignore::langchain_core._api.beta_decorator.LangChainBetaWarning")
@pytest.mark.filterwarnings(
    "ignore::langchain_core._api.deprecation.LangChainPendingDeprecationWarning"
)
def test_documents_survive_serialisation(engine: Engine) -> None:
    found = RegionRetriever(engine=engine, score_key="score").invoke(FUEL)
    assert loads(dumps(found)) == found
    assert pickle.loads(pickle.dumps(found)) == found
    assert [Document.model_validate_json(document.model_dump_json()) for document in found] == found


def test_an_ensemble_distinguishes_regions_of_equal_text_by_id(
    meeting_engine: Callable[[int], Engine],
) -> None:
    retriever = RegionRetriever(engine=meeting_engine(1), k=2)
    ensemble = EnsembleRetriever(
        retrievers=[retriever, retriever], weights=[0.5, 0.5], id_key="region_id"
    )
    assert ids(ensemble.invoke("total")) == ["doc#p1#1", "doc#p2#1"]


def test_multi_query_retriever_returns_each_region_once(engine: Engine) -> None:
    retriever = RegionRetriever(engine=engine, k=3)
    model = FakeListChatModel(responses=[f"{FUEL}\nfuel and electricity in million euros"])
    found = MultiQueryRetriever.from_llm(retriever, llm=model).invoke(FUEL)
    assert len(ids(found)) == len(set(ids(found))) >= 3
    assert ids(found)[:3] == ids(retriever.invoke(FUEL))


def test_create_retriever_tool_formats_the_metadata_of_its_prompt(engine: Engine) -> None:
    tool = create_retriever_tool(
        RegionRetriever(engine=engine, k=2),
        "search",
        "Search the reports.",
        document_prompt=PromptTemplate.from_template(
            "[{region_id}] p.{page_number} {x0}-{x1}\n{page_content}"
        ),
        response_format="content_and_artifact",
    )
    call = {"type": "tool_call", "id": "1", "name": "search", "args": {"query": FUEL}}
    message = tool.invoke(call)
    first, second = engine.search(FUEL, k=2)
    assert message.content.startswith(f"[{first.id}] p.{first.page_number} {first.box.x0:.4f}")
    assert ids(message.artifact) == [first.id, second.id]


def run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def test_without_langchain_core_the_error_says_what_to_install() -> None:
    result = run("import sys; sys.modules['langchain_core'] = None; import colregion.langchain")
    assert "MissingDependency" in result.stderr
    assert 'pip install "colregion[langchain]"' in result.stderr


@pytest.mark.slow
def test_the_adapter_imports_only_langchain_core() -> None:
    blocked = ["langchain", "langchain_classic", "langchain_community", "langgraph", "torch"]
    result = run(
        f"import sys; sys.modules.update(dict.fromkeys({blocked})); import colregion.langchain"
    )
    assert result.stderr == ""


def test_importing_colregion_does_not_import_langchain() -> None:
    result = run("import sys, colregion; print([m for m in sys.modules if 'langchain' in m])")
    assert result.stdout == "[]\n"


def test_score_key_adds_the_confidence_and_min_confidence_filters_by_it(engine: Engine) -> None:
    plain = RegionRetriever(engine=engine, k=2).invoke(FUEL)
    told = RegionRetriever(engine=engine, k=2, score_key="score").invoke(FUEL)
    assert all("confidence" not in found.metadata for found in plain)
    assert all(0 <= found.metadata["confidence"] <= 1 for found in told)
    assert RegionRetriever(engine=engine, min_confidence=1.0).invoke(FUEL) == []


def test_retriever_writes_crops_of_its_regions(engine: Engine, tmp_path: Path) -> None:
    found = RegionRetriever(engine=engine, k=2, crops=tmp_path / "crops").invoke(FUEL)
    files = [Path(document.metadata["crop_path"]) for document in found]
    assert sorted(files) == sorted((tmp_path / "crops").iterdir())
    with Image.open(files[0]) as image:
        assert image.size == engine.search(FUEL, k=1)[0].crop(margin=CROP_MARGIN).size
