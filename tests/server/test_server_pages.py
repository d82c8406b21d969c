"""The page, the report for browsers without script, and the application inside another one."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.testclient import TestClient

from colregion.engine import Engine
from colregion.server import app


def test_page_leads_browsers_without_script_to_the_report(client: TestClient) -> None:
    html = client.get("/?q=alpha+beta&q=delta").text
    assert (
        '<noscript><meta http-equiv="refresh" content="0; url=report?q=alpha+beta&amp;q=delta">'
        in html
    )
    assert "http-equiv" not in client.get("/").text


def test_report_answers_every_question_without_script(client: TestClient) -> None:
    answer = client.get("/report?q=alpha&q=delta&tab=2")
    assert answer.status_code == 200
    assert "2 questions, 4 regions from 1 document" in answer.text
    assert "alpha beta" in answer.text.replace("<mark>", "").replace("</mark>", "")
    assert "<script" not in answer.text
    assert '<a href="./">Ask another question</a>' in answer.text


def test_report_without_a_question_says_so(client: TestClient) -> None:
    assert "No questions were asked." in client.get("/report").text
    assert "No questions were asked." in client.get("/report?q=+").text


@pytest.mark.parametrize(
    ("query", "said"),
    [
        (f"q={'x' * 5000}", "the question has 5,000 characters; shorten it to 4,000"),
        ("q=%21%3F", "the question"),
    ],
)
def test_report_of_a_question_that_cannot_be_answered_says_why(
    client: TestClient, query: str, said: str
) -> None:
    answer = client.get(f"/report?{query}")
    assert answer.status_code == 400
    assert said in answer.text


def test_report_takes_at_most_eight_questions(client: TestClient) -> None:
    assert client.get("/report?" + "&".join(["q=alpha"] * 9)).status_code == 400


def test_everything_the_page_loads_is_there(client: TestClient) -> None:
    for path, media_type in (
        ("/base.css", "text/css"),
        ("/static/app.css", "text/css"),
        ("/static/app.js", "text/javascript"),
        ("/static/icon.svg", "image/svg+xml"),
    ):
        answer = client.get(path)
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith(media_type)
    assert ".c1 { --c: #0b5fa5; }" in client.get("/base.css").text


def test_application_works_below_another_one(engine: Engine) -> None:
    outer = Starlette(routes=[Mount("/docs", app(engine, token="correct-horse-battery"))])
    client = TestClient(outer, base_url="http://localhost")
    assert client.get("/docs/", headers={"accept": "text/html"}).status_code == 401
    assert client.get("/docs/static/app.css").status_code == 200
    login = client.post(
        "/docs/login", data={"token": "correct-horse-battery"}, follow_redirects=False
    )
    assert "Path=/docs/" in login.headers["set-cookie"]
    assert client.get("/docs/").status_code == 200
    body = {"question": "alpha", "k": 1}
    (region,) = client.post("/docs/api/search", json=body).json()["regions"]
    assert client.get(f"/docs/{region['image_url']}").status_code == 200


def test_pages_of_a_read_only_server_offer_no_adding(
    engine: Engine, client_of: Callable[..., TestClient]
) -> None:
    assert 'type="file"' not in client_of(engine).get("/").text
    assert 'type="file"' in client_of(engine, writable=True).get("/").text
