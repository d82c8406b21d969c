"""Documents that are added and removed over HTTP."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from colregion.engine import Engine
from colregion.errors import InvalidInput
from colregion.server import ServerLimits
from colregion.server.adding import safe_name

BODY_LIMIT = 4096


@pytest.fixture
def writable(
    local_engine: Engine, client_of: Callable[..., TestClient], monkeypatch: pytest.MonkeyPatch
) -> TestClient:
    add = local_engine.add
    # Reads in this process: a worker takes longer to start than the page to read.
    monkeypatch.setattr(local_engine, "add", lambda *a, **options: add(*a, workers=0, **options))
    return client_of(local_engine, writable=True, limits=ServerLimits(upload_bytes=BODY_LIMIT))


def upload(client: TestClient, name: str, content: bytes) -> Any:
    return client.post("/api/documents", files={"file": (name, content)})


def test_document_is_added_searched_opened_and_removed(
    writable: TestClient, scan: Path, tmp_path: Path
) -> None:
    content = scan.read_bytes()
    (outcome,) = upload(writable, "new.png", content).json()["outcomes"]
    assert (outcome["status"], outcome["doc_id"], outcome["pages"]) == ("added", "new.png", 1)
    body = {"question": "alpha", "filters": {"doc_id": "new.png"}}
    assert len(writable.post("/api/search", json=body).json()["regions"]) == 2
    assert writable.get("/api/documents/new.png/file").content == content
    (again,) = upload(writable, "new.png", content).json()["outcomes"]
    assert again["status"] == "skipped"
    assert writable.delete("/api/documents/new.png").json() == {"doc_id": "new.png"}
    assert list((tmp_path / "library" / "uploads").iterdir()) == []
    assert writable.delete("/api/documents/new.png").status_code == 404
    assert writable.get("/api/documents").json()["total"] == 1


def test_reading_on_demand_without_an_encoder_for_images_is_answered_by_a_sentence(
    writable: TestClient, scan: Path
) -> None:
    files = {"file": ("new.png", scan.read_bytes())}
    for reading, says in (("on_demand", "sees images"), ("later", "reading")):
        answer = writable.post("/api/documents", params={"reading": reading}, files=files)
        assert answer.status_code in (400, 422)
        assert says in answer.json()["error"]
    assert writable.get("/api/documents").json()["total"] == 1


def test_unreadable_upload_is_reported_and_replaces_nothing(
    writable: TestClient, scan: Path, tmp_path: Path
) -> None:
    content = scan.read_bytes()
    upload(writable, "new.png", content)
    for name in ("new.png", "other.pdf"):
        (outcome,) = upload(writable, name, b"%PDF-1.4 rubbish").json()["outcomes"]
        assert outcome["status"] == "failed"
        assert "damaged" in outcome["reason"]
    stored = tmp_path / "library" / "uploads"
    assert [path.name for path in stored.iterdir()] == ["new.png"]
    assert writable.get("/api/documents/new.png/file").content == content


def test_upload_that_the_end_of_the_server_interrupts_leaves_nothing(
    writable: TestClient, scan: Path, tmp_path: Path
) -> None:
    upload(writable, "old.png", scan.read_bytes())
    writable.app.state.workers.stop()  # type: ignore[attr-defined]
    for name in ("new.png", "old.png"):
        answer = upload(writable, name, scan.read_bytes() + b" ")
        assert answer.status_code == 503
        assert "the server was stopped before" in answer.json()["error"]
    stored = tmp_path / "library" / "uploads"
    assert [path.name for path in stored.iterdir()] == ["old.png"]
    assert (stored / "old.png").read_bytes() == scan.read_bytes()
    assert writable.get("/api/documents").json()["total"] == 2


def test_upload_does_not_replace_a_document_from_elsewhere(
    writable: TestClient, scan: Path
) -> None:
    answer = upload(writable, "scan.png", scan.read_bytes())
    assert answer.status_code == 409
    assert "there is a document 'scan.png' from elsewhere" in answer.json()["error"]


def test_file_of_a_removed_document_from_elsewhere_stays(writable: TestClient, scan: Path) -> None:
    assert writable.delete("/api/documents/scan.png").status_code == 200
    assert scan.exists()


def test_large_upload_is_refused(writable: TestClient, tmp_path: Path) -> None:
    answer = upload(writable, "large.png", b"x" * BODY_LIMIT)
    assert answer.status_code == 413
    assert not (tmp_path / "library" / "uploads").exists()


def test_upload_into_an_index_without_folder_is_searched(
    engine: Engine, client_of: Callable[..., TestClient], scan: Path
) -> None:
    client = client_of(engine, writable=True)
    (outcome,) = upload(client, "new.png", scan.read_bytes()).json()["outcomes"]
    assert (outcome["status"], outcome["doc_id"]) == ("added", "new.png")
    assert upload(client, "scan.png", scan.read_bytes()).status_code == 409


def test_upload_without_a_file_is_answered_by_a_sentence(writable: TestClient) -> None:
    answer = writable.post("/api/documents", data={"file": "text"})
    assert answer.status_code == 400
    assert answer.json()["error"].startswith("file: ")


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("report.pdf", "report.pdf"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\me\\report.pdf", "report.pdf"),
        ("<img src=x>.pdf", "_img src_x_.pdf"),
        ("Jahresbericht 2024 (Entwurf).pdf", "Jahresbericht 2024 (Entwurf).pdf"),
        ("報告書.pdf", "報告書.pdf"),
        (".hidden.pdf", "hidden.pdf"),
        ("a#p1.pdf", "a_p1.pdf"),
        ("x" * 300 + ".pdf", "x" * 140 + ".pdf"),
    ],
)
def test_names_of_uploads_are_made_safe(name: str, safe: str) -> None:
    assert safe_name(name) == safe


@pytest.mark.parametrize("name", ["", "..", "/", " . "])
def test_upload_without_a_name_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput, match="needs a file name"):
        safe_name(name)
