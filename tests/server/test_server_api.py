"""REST: what each address answers, its errors as sentences, and its description as OpenAPI."""

from __future__ import annotations

import io
import json
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jsonschema  # type: ignore[import-untyped]
import pytest
from PIL import Image
from starlette.testclient import TestClient

from colregion.engine import Engine
from colregion.indexes import MemoryIndex
from colregion.testing import LineParser, WordEncoder
from tests.server.conftest import LINES, REPORT

PAGE = "/api/pages/scan.png%23p1"
JSON = {"content-type": "application/json"}
REGION = "/api/regions/scan.png%23p1%232"


def image_of(content: bytes) -> Image.Image:
    return Image.open(io.BytesIO(content))


def test_search_returns_regions_with_addresses_of_image_and_file(client: TestClient) -> None:
    answer = client.post("/api/search", json={"question": "delta", "k": 1})
    assert answer.status_code == 200
    (region,) = answer.json()["regions"]
    assert region.pop("score") > 0
    assert region == {
        "region_id": "scan.png#p1#2",
        "kind": "text",
        "x0": 0.25,
        "y0": 0.5,
        "x1": 0.75,
        "y1": 0.7,
        "boxes": [[0.25, 0.5, 0.75, 0.7]],
        "quote_boxes": [[0.25, 0.5, 0.75, 0.7]],
        "doc_id": "scan.png",
        "page_id": "scan.png#p1",
        "page_number": 1,
        "page_label": None,
        "page_count": 1,
        "page_width": 200.0,
        "page_height": 100.0,
        "text": "gamma ? delta",
        "excerpt": "gamma \ufffd delta",
        "matches": [[8, 13]],
        "confidence": None,
        "ocr_confidence": None,
        "hidden_text": "",
        "unread": False,
        "quotes": ["gamma ? delta"],
        "caution": "",
        "metadata": {"team": "x"},
        "image_url": "api/regions/scan.png%23p1%232.png",
        "file_url": "api/documents/scan.png/file#page=1",
    }


def test_addresses_in_an_answer_lead_to_image_and_file(client: TestClient, scan: Path) -> None:
    answer = client.post("/api/search", json={"question": "delta", "k": 1})
    (region,) = answer.json()["regions"]
    assert image_of(client.get(region["image_url"]).content).size == (104, 24)
    assert client.get(region["file_url"]).content == scan.read_bytes()


@pytest.mark.parametrize(
    ("filters", "count"),
    [
        ({"doc_id": "scan.png"}, 2),
        ({"page_number": {"gte": 2}}, 0),
        ([{"kind": "text"}, {"metadata.team": "x"}], 2),
        (None, 2),
    ],
)
def test_search_takes_the_filters_of_the_library(
    client: TestClient, filters: Any, count: int
) -> None:
    body = {"question": "alpha delta", "filters": filters}
    assert len(client.post("/api/search", json=body).json()["regions"]) == count


def test_context_and_resolve_follow_a_citation_to_its_region(client: TestClient) -> None:
    context = client.post("/api/context", json={"question": "alpha"}).json()
    mark, region = context["citations"][0]["mark"], context["citations"][0]["region"]
    assert mark in context["text"]
    assert context["tokens"] > 0
    body = {"answer": f"It is so {mark}, not [r9].", "citations": {mark: region["region_id"]}}
    resolved = client.post("/api/resolve", json=body).json()
    (citation,) = resolved["citations"]
    start = len("It is so ")
    assert citation == {
        "start": start,
        "end": start + len(mark),
        "mark": mark,
        "region_id": region["region_id"],
    }
    assert [one["region_id"] for one in resolved["regions"]] == [region["region_id"]]
    (unknown,) = resolved["unknown"]
    assert (unknown["text"], unknown["reason"]) == ("[r9]", "no r9 in the context")


def test_page_has_its_size_and_the_places_of_its_words(client: TestClient) -> None:
    page = client.get(PAGE).json()
    assert (page["page_width"], page["page_height"], page["page_count"]) == (200, 100, 1)
    assert page["quarter_turns"] == 0
    texts = [word[0] for word in page["words"]]
    assert " ".join(texts) == "alpha beta gamma \ufffd delta"
    first, last = page["words"][0], page["words"][-1]
    assert first[1:3] == [0.1, 0.1]
    assert last[3:] == [0.75, 0.7]


def test_images_have_the_width_asked_for_and_no_more_than_the_page(client: TestClient) -> None:
    assert image_of(client.get(f"{PAGE}.png").content).size == (200, 100)
    assert image_of(client.get(f"{PAGE}.png?width=50").content).size == (50, 25)
    jpeg = client.get(f"{PAGE}.jpg?width=50")
    assert jpeg.headers["content-type"] == "image/jpeg"
    assert image_of(jpeg.content).size == (50, 25)
    assert image_of(client.get(f"{REGION}.jpg?width=52").content).size == (52, 12)
    crop = image_of(client.get(f"{REGION}.png").content).convert("RGB")
    assert crop.getpixel((52, 12)) == (255, 0, 0)


def test_sideways_page_says_so_and_its_regions_are_upright(
    sideways_engine: Engine, client_of: Callable[..., TestClient]
) -> None:
    client = client_of(sideways_engine)
    assert client.get(PAGE).json()["quarter_turns"] == 1
    assert image_of(client.get(f"{PAGE}.png").content).size == (200, 100)
    assert image_of(client.get(f"{REGION}.png").content).size == (24, 104)


def test_image_is_not_sent_again_while_its_document_is_the_same(client: TestClient) -> None:
    for address in (f"{PAGE}.png?width=50", f"{PAGE}.jpg", f"{REGION}.png"):
        tag = client.get(address).headers["etag"]
        again = client.get(address, headers={"if-none-match": tag})
        assert (again.status_code, again.content) == (304, b"")
        assert client.get(address, headers={"if-none-match": '"old"'}).status_code == 200


def test_images_are_never_larger_than_the_limit(
    engine: Engine, client_of: Callable[..., TestClient]
) -> None:
    from colregion.server import ServerLimits

    client = client_of(engine, limits=ServerLimits(image_px=64))
    assert image_of(client.get(f"{PAGE}.png?width=4000").content).size == (64, 32)


def test_maps_cover_the_question_and_each_of_its_words(client: TestClient) -> None:
    body = {"question": "alpha delta", "page_id": "scan.png#p1"}
    maps = client.post("/api/maps", json=body).json()["maps"]
    assert [one["label"] for one in maps] == ["whole question", "alpha", "delta"]
    assert all(one["image"].startswith("data:image/png;base64,") for one in maps)
    assert all(one["low"] <= one["high"] for one in maps)


def test_documents_are_listed_with_their_state(client: TestClient) -> None:
    answer = client.get("/api/documents").json()
    (document,) = answer.pop("documents")
    assert answer == {"total": 1, "writable": False}
    assert document["doc_id"] == "scan.png"
    assert (document["page_count"], document["missing_pages"]) == (1, [])
    assert document["metadata"] == {"team": "x"}
    assert document["file_url"] == "api/documents/scan.png/file"
    assert client.get("/api/documents?offset=1").json()["documents"] == []


def test_pdf_is_sent_to_be_shown_in_the_browser(
    demo_library: Path, client_of: Callable[..., TestClient]
) -> None:
    with Engine.open(demo_library) as engine:
        answer = client_of(engine).get(f"/api/documents/{REPORT.name}/file")
    assert answer.headers["content-type"] == "application/pdf"
    assert answer.headers["content-disposition"].startswith("inline")
    assert answer.content == REPORT.read_bytes()


def test_changed_file_is_not_sent(
    engine: Engine, client_of: Callable[..., TestClient], scan: Path
) -> None:
    client = client_of(engine)
    scan.write_bytes(b"something else")
    answer = client.get("/api/documents/scan.png/file")
    assert answer.status_code == 409
    assert "has changed since it was indexed; add it again" in answer.json()["error"]


def test_missing_file_has_no_address(
    engine: Engine, client_of: Callable[..., TestClient], scan: Path
) -> None:
    client = client_of(engine)
    scan.unlink()
    (region, _) = client.post("/api/search", json={"question": "alpha"}).json()["regions"]
    assert region["file_url"] is None
    answer = client.get("/api/documents/scan.png/file")
    assert answer.status_code == 404
    assert "is no file here" in answer.json()["error"]


@pytest.mark.parametrize(
    ("path", "body", "status", "said"),
    [
        ("/api/search", {"question": " \n"}, 400, "the question is empty"),
        ("/api/search", {"question": "x" * 50_000}, 400, "has 50,000 characters; shorten it"),
        ("/api/search", {}, 400, "question: Field required"),
        ("/api/search", {"question": "x", "k": 0}, 400, "k: "),
        ("/api/search", {"question": "x", "k": 51}, 400, "k: "),
        ("/api/search", {"question": "x", "top_k": 1}, 400, "top_k: "),
        ("/api/search", {"question": "x", "filters": {"color": 1}}, 400, "unknown filter key"),
        ("/api/search", {"question": "x", "filters": {"doc_id": "no"}}, 404, "no document 'no'"),
        ("/api/search", {"question": "x", "min_confidence": 0.5}, 400, "calibrat"),
        ("/api/context", {"question": "x", "max_tokens": 0}, 400, "max_tokens: "),
        ("/api/resolve", {"answer": "y" * 20_001, "citations": {}}, 400, "the answer has 20,001"),
        ("/api/resolve", {"answer": "", "citations": {"[r1]": "table"}}, 400, "report.pdf#p3#2.1"),
        ("/api/resolve", {"answer": "", "citations": {str(n): "" for n in range(61)}}, 400, "60"),
        ("/api/search", {"question": "x", "min_confidence": float("inf")}, 400, "min_confidence: "),
        ("/api/maps", {"question": "x", "page_id": "scan.png#p9"}, 404, "no page 'scan.png#p9'"),
        ("/api/nothing", {}, 404, "Not Found"),
    ],
)
def test_mistakes_are_answered_by_a_sentence(
    client: TestClient, path: str, body: Any, status: int, said: str
) -> None:
    answer = client.post(path, content=json.dumps(body), headers=JSON)
    assert (answer.status_code, list(answer.json())) == (status, ["error"])
    assert said in answer.json()["error"]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/pages/scan.png%23p9", 404),
        ("/api/pages/scan.png%23p9.png", 404),
        ("/api/pages/scan.png%23p1.png?width=0", 400),
        ("/api/regions/table.png", 400),
        ("/api/regions/scan.png%23p1%239.png", 404),
        ("/api/documents/other/file", 404),
        ("/api/documents?limit=0", 400),
    ],
)
def test_unknown_addresses_are_answered_by_a_sentence(
    client: TestClient, path: str, status: int
) -> None:
    answer = client.get(path)
    assert answer.status_code == status
    assert answer.json()["error"]


def test_malformed_json_is_answered_by_a_sentence(client: TestClient) -> None:
    answer = client.post("/api/search", content=b'{"question": ', headers=JSON)
    assert answer.status_code == 400
    assert "JSON" in answer.json()["error"]


def test_openapi_describes_every_address_and_its_errors(client: TestClient) -> None:
    schema = client.get("/api/openapi.json").json()
    assert sorted(schema["paths"]) == [
        "/api/context",
        "/api/documents",
        "/api/documents/{doc_id}/file",
        "/api/maps",
        "/api/pages/{page_id}",
        "/api/pages/{page_id}.jpg",
        "/api/pages/{page_id}.png",
        "/api/regions/{region_id}.jpg",
        "/api/regions/{region_id}.png",
        "/api/resolve",
        "/api/search",
    ]
    operations = [one for path in schema["paths"].values() for one in path.values()]
    assert all({"200", "4XX", "503"} == one["responses"].keys() for one in operations)
    assert all(one["description"] for one in operations)
    models = schema["components"]["schemas"]
    for model in models.values():
        jsonschema.Draft202012Validator.check_schema(model)
    references = set(re.findall(r"#/components/schemas/(\w+)", str(schema)))
    assert references == models.keys()


def test_answers_fit_their_schema(client: TestClient) -> None:
    schema = client.get("/api/openapi.json").json()
    search = client.post("/api/search", json={"question": "alpha"}).json()
    page = client.get(PAGE).json()
    for name, value in (("SearchAnswer", search), ("PageText", page)):
        whole = {**schema, "$ref": f"#/components/schemas/{name}"}
        jsonschema.Draft202012Validator(whole).validate(value)


@pytest.mark.parametrize(
    "name",
    [
        "sub/scan.png",
        "a b/c d.png",
        "100 % sure?.png",
        "no#1.png",
        "Ünïcode 報告.png",
        "a.png/file/scan.png",
        "api/pages/scan.jpg.png",
    ],
)
def test_any_name_of_a_document_works_in_every_address(
    scan: Path, tmp_path: Path, client_of: Callable[..., TestClient], name: str
) -> None:
    path = tmp_path / "folder" / name
    path.parent.mkdir(parents=True)
    path.write_bytes(scan.read_bytes())
    engine = Engine(MemoryIndex(), encoder=WordEncoder(), parser=LineParser(LINES))
    assert not engine.add(tmp_path / "folder", workers=0).failed
    client = client_of(engine, writable=True)
    (region, _) = client.post("/api/search", json={"question": "alpha"}).json()["regions"]
    assert region["doc_id"] == name
    assert client.get(region["image_url"]).headers["content-type"] == "image/png"
    assert client.get(region["file_url"]).content == scan.read_bytes()
    page = f"/api/pages/{quote(region['page_id'], safe='')}"
    assert client.get(page).json()["doc_id"] == name
    assert client.get(f"{page}.jpg").headers["content-type"] == "image/jpeg"
    removed = client.delete(f"/api/documents/{quote(name, safe='')}")
    assert removed.json() == {"doc_id": name}


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_name_that_is_no_unicode_is_shown_with_a_question_mark(
    scan: Path, tmp_path: Path, client_of: Callable[..., TestClient]
) -> None:
    path = tmp_path / os.fsdecode(b"bad\xff.png")
    path.write_bytes(scan.read_bytes())
    engine = Engine(MemoryIndex(), encoder=WordEncoder(), parser=LineParser(LINES))
    assert not engine.add(path, workers=0).failed
    client = client_of(engine)
    (region, _) = client.post("/api/search", json={"question": "alpha"}).json()["regions"]
    assert region["doc_id"] == "bad?.png"
    for address in (region["image_url"], region["file_url"], "/api/documents/bad%FF.png/file"):
        answer = client.get(address)
        assert answer.status_code == 404
        assert "in the index" in answer.json()["error"]
    assert client.get("/report?q=alpha").status_code == 200
