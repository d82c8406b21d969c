"""Who may talk to the server, what ids and texts can do, and how much one request may be."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image
from starlette.testclient import TestClient

from colregion.core.geometry import Box
from colregion.engine import Engine
from colregion.errors import InvalidInput
from colregion.indexes import MemoryIndex
from colregion.testing import LineParser, WordEncoder

TOKEN = "correct-horse-battery"
MARKUP = "<img src=x onerror=alert(1)>"


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:8010", "[::1]:8010", "LOCALHOST:1"])
def test_loopback_names_are_answered(client: TestClient, host: str) -> None:
    assert client.get("/api/documents", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "localhost.evil.example",
        "evil.example:8010",
        "127.0.0.1.evil.example",
        "user@evil.example",
        "localhost@evil.example",
        "[::1",
        "",
    ],
)
def test_other_hosts_are_refused(client: TestClient, host: str) -> None:
    for path in ("/", "/api/documents", "/static/app.js", "/mcp"):
        assert client.get(path, headers={"host": host}).status_code == 421


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "null",
        "",
        "localhost:8010",
        "http://localhost:9999",
        "http://localhost",
        "http://[",
        "http://localhost:8010.evil.example",
    ],
)
def test_other_origins_are_refused(client: TestClient, origin: str) -> None:
    answer = client.post("/api/search", json={"question": "alpha"}, headers={"origin": origin})
    assert answer.status_code == 403
    assert client.post("/mcp", json={}, headers={"origin": origin}).status_code == 403


def test_own_origin_is_answered(client: TestClient) -> None:
    headers = {"origin": "http://localhost:8010", "sec-fetch-site": "same-origin"}
    answer = client.post("/api/search", json={"question": "alpha"}, headers=headers)
    assert answer.status_code == 200


def test_forms_of_other_sites_are_refused_without_an_origin_too(client: TestClient) -> None:
    headers = {"sec-fetch-site": "cross-site"}
    answer = client.post("/api/search", json={"question": "alpha"}, headers=headers)
    assert answer.status_code == 403


def test_application_answers_for_the_hosts_it_is_given(
    engine: Engine, client_of: Callable[..., TestClient]
) -> None:
    client = client_of(engine, hosts=["docs.example"])
    assert client.get("/api/documents", headers={"host": "docs.example"}).status_code == 200
    assert client.get("/api/documents").status_code == 421


@pytest.mark.parametrize("path", ["/", "/report?q=alpha", "/api/search", "/api/pages/x.png"])
def test_pages_forbid_foreign_and_inline_content(client: TestClient, path: str) -> None:
    headers = client.get(path).headers
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "private, no-cache"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["cross-origin-resource-policy"] == "same-origin"


def test_page_has_no_inline_script_or_style_and_no_foreign_address(client: TestClient) -> None:
    html = client.get("/?q=alpha").text
    assert re.findall(r"<script[^>]*>[^<]", html) == []
    assert "<style" not in html
    assert " style=" not in html
    assert re.findall(r" on\w+=", html) == []
    assert "http:" not in html
    assert "https:" not in html
    for name in ("app.js", "dom.js", "hits.js", "viewer.js", "documents.js"):
        script = client.get(f"/static/{name}").text
        assert script
        assert "innerHTML" not in script
        assert "eval(" not in script


@pytest.mark.parametrize(
    "path",
    [
        "/static/../guard.py",
        "/static/..%2fguard.py",
        "/static/%2e%2e/guard.py",
        "/static//etc/passwd",
        "/api/pages/..%2f..%2f..%2fetc%2fpasswd",
        "/api/pages/..%2f..%2fscan.png%23p1.png",
        "/api/regions/..%2fscan.png%23p1%231.png",
        "/api/documents/..%2f..%2fetc%2fpasswd/file",
        "/api/documents/%2fetc%2fpasswd/file",
        "/api/documents/~/file",
        "/api/documents/%00/file",
    ],
)
def test_paths_in_ids_lead_nowhere(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code in (400, 404)
    assert "root:" not in answer.text
    assert "Guard" not in answer.text


@pytest.fixture
def hostile(tmp_path: Path) -> Engine:
    """A document whose name, text and metadata are markup."""
    path = tmp_path / f"{MARKUP.replace('/', '')}.png"
    Image.new("RGB", (200, 100), "white").save(path)
    parser = LineParser([(f"alpha {MARKUP}", Box(0.1, 0.1, 0.9, 0.2))])
    engine = Engine(MemoryIndex(), encoder=WordEncoder(), parser=parser)
    assert not engine.add(path, metadata={"note": MARKUP}, workers=0).failed
    return engine


def test_names_texts_and_questions_are_escaped_in_the_report(
    hostile: Engine, client_of: Callable[..., TestClient]
) -> None:
    answer = client_of(hostile).get("/report", params={"q": f"alpha {MARKUP}"})
    assert answer.status_code == 200
    assert MARKUP not in answer.text
    assert "&lt;img" in answer.text


def test_question_in_the_address_is_escaped_in_the_page(client: TestClient) -> None:
    for query in ('q="><script>alert(1)</script>', "q='%22%3E%3Cscript%3E"):
        html = client.get(f"/?{query}").text
        assert "<script>alert" not in html
        assert html.count("<script") == 1


def test_names_in_addresses_of_answers_are_quoted(
    hostile: Engine, client_of: Callable[..., TestClient]
) -> None:
    client = client_of(hostile)
    (region,) = client.post("/api/search", json={"question": "alpha", "k": 1}).json()["regions"]
    assert set(region["image_url"]).isdisjoint("<> \"'")
    assert client.get(region["image_url"]).status_code == 200
    assert client.get(region["file_url"]).status_code == 200


@pytest.fixture
def guarded(engine: Engine, client_of: Callable[..., TestClient]) -> TestClient:
    return client_of(engine, token=TOKEN)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Bearer wrong-token-wrong-token"},
        {"authorization": f"Basic {TOKEN}"},
        {"authorization": TOKEN},
        {"cookie": f"colregion={TOKEN}"},
        {"cookie": "colregion="},
        {"cookie": "\xff=;;colregion"},
    ],
)
def test_without_the_token_nothing_is_answered(
    guarded: TestClient, headers: dict[str, str]
) -> None:
    encoded = {name.encode(): value.encode("latin-1") for name, value in headers.items()}
    for path in ("/api/documents", "/api/openapi.json", "/report", "/static/app.js"):
        answer = guarded.get(path, headers=encoded)
        assert answer.status_code == 401
        assert "Authorization: Bearer" in answer.json()["error"]
    assert guarded.post("/mcp", json={}, headers=encoded).status_code == 401


def test_with_the_token_everything_is_answered_under_any_host(guarded: TestClient) -> None:
    headers = {"authorization": f"Bearer {TOKEN}", "host": "library.example"}
    assert guarded.get("/api/documents", headers=headers).status_code == 200


def test_person_enters_the_token_once(guarded: TestClient) -> None:
    page = guarded.get("/?q=alpha", headers={"accept": "text/html"})
    assert page.status_code == 401
    assert 'action="login"' in page.text
    assert 'value="q=alpha"' in page.text
    assert guarded.get("/static/app.css").status_code == 200
    wrong = guarded.post("/login", data={"token": "wrong", "query": "q=alpha"})
    assert (wrong.status_code, "not the token" in wrong.text) == (401, True)
    right = guarded.post(
        "/login", data={"token": TOKEN, "query": "q=alpha"}, follow_redirects=False
    )
    assert (right.status_code, right.headers["location"]) == (303, "./?q=alpha")
    cookie = right.headers["set-cookie"]
    assert TOKEN not in cookie
    assert {"HttpOnly", "SameSite=lax"} <= set(cookie.split("; "))
    assert guarded.get("/api/documents").status_code == 200


def test_login_leads_to_no_other_site(guarded: TestClient) -> None:
    form = {"token": TOKEN, "query": "//evil.example/?q=1"}
    answer = guarded.post("/login", data=form, follow_redirects=False)
    assert answer.headers["location"].startswith("./")


@pytest.mark.parametrize("token", ["", "short", "ümläut" * 5, "with\nnewline-in-it-long"])
def test_tokens_that_can_be_guessed_or_not_sent_are_refused(
    engine: Engine, client_of: Callable[..., TestClient], token: str
) -> None:
    with pytest.raises(InvalidInput, match="16 or more printable ASCII characters"):
        client_of(engine, token=token)


def test_large_requests_are_refused_before_they_are_read(client: TestClient) -> None:
    answer = client.post("/api/search", json={"question": "x" * (1 << 20)})
    assert answer.status_code == 413
    assert answer.json()["error"] == "the request is too large; up to 1,048,576 bytes are read"


def test_requests_that_hide_their_size_are_cut_off(client: TestClient) -> None:
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        for _ in range(64):
            sent += 1 << 16
            yield b"x" * (1 << 16)

    headers = {"content-type": "application/json"}
    answer = client.post("/api/search", content=endless(), headers=headers)
    assert answer.status_code == 413


@pytest.mark.parametrize("length", ["-1", "1e9", "9" * 5000])
def test_impossible_content_lengths_are_refused(client: TestClient, length: str) -> None:
    answer = client.post("/api/search", content=b"{}", headers={"content-length": length})
    assert answer.status_code == 413


def test_only_a_writable_server_takes_documents(client: TestClient, scan: Path) -> None:
    files = {"file": ("new.png", scan.read_bytes(), "image/png")}
    assert client.post("/api/documents", files=files).status_code == 405
    assert client.delete("/api/documents/scan.png").status_code == 404
