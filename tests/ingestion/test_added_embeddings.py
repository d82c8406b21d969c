"""Regions of other tools, from the files beside a document to the hit."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from reportlab.pdfgen.canvas import Canvas

from colregion import Engine
from colregion.cli import main
from colregion.errors import InvalidInput
from colregion.parsers import TextractRegions, load_parser

BOX = {"Left": 0.1, "Top": 0.1, "Width": 0.6, "Height": 0.1}


def textract(text: str = "Net sum 7.00") -> str:
    words = [
        {
            "BlockType": "WORD",
            "Id": f"w{i}",
            "Text": word,
            "Confidence": 90,
            "Geometry": {
                "BoundingBox": {"Left": 0.1 + 0.2 * i, "Top": 0.1, "Width": 0.15, "Height": 0.1}
            },
        }
        for i, word in enumerate(text.split())
    ]
    children = [{"Type": "CHILD", "Ids": [word["Id"] for word in words]}]
    line = {"BlockType": "LINE", "Id": "l", "Geometry": {"BoundingBox": BOX}}
    area = {"BlockType": "LAYOUT_TEXT", "Id": "a", "Geometry": {"BoundingBox": BOX}}
    return json.dumps(
        {
            "Blocks": [
                {**area, "Relationships": [{"Type": "CHILD", "Ids": ["l"]}]},
                {**line, "Relationships": children},
                *words,
            ]
        }
    )


@pytest.fixture
def bill(tmp_path: Path) -> Path:
    path = tmp_path / "in" / "bill.pdf"
    path.parent.mkdir()
    canvas = Canvas(str(path), pagesize=(200, 400))
    canvas.drawString(20, 340, "what the file itself says")
    canvas.save()
    return path


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    return Engine.open(tmp_path / "library", parser="text_layer+geometry")


def test_a_parser_passed_to_add_reads_only_that_call(engine: Engine, bill: Path) -> None:
    report = engine.add(bill, parser=TextractRegions(json.loads(textract())))
    assert [outcome.status for outcome in report.outcomes] == ["added"]
    (hit, *_) = engine.search("net sum")
    assert hit.text == "Net sum 7.00"
    assert hit.box.xyxy == pytest.approx((0.1, 0.1, 0.7, 0.2))
    assert hit.region.ocr_confidence == pytest.approx(0.9)
    # The engine's own parser is back with the next call.
    assert engine.add(bill).outcomes[0].status == "replaced"
    assert engine.search("the file itself")[0].text == "what the file itself says"


def test_a_file_of_regions_beside_the_document_is_used_and_its_changes_are_noticed(
    engine: Engine, bill: Path
) -> None:
    beside = bill.with_name("bill.textract.json")
    beside.write_text(textract())
    statuses = [engine.add(bill.parent, parser="textract").outcomes[0].status for _ in range(2)]
    beside.write_text(textract("Net sum 8.00"))
    statuses.append(engine.add(bill.parent, parser="textract").outcomes[0].status)
    assert statuses == ["added", "skipped", "replaced"]
    assert engine.search("net sum")[0].text == "Net sum 8.00"


def test_a_document_without_its_file_of_regions_fails_and_the_others_are_added(
    engine: Engine, bill: Path
) -> None:
    bill.with_name("other.pdf").write_bytes(bill.read_bytes())
    bill.with_name("bill.textract.json").write_text(textract())
    report = engine.add(bill.parent, parser="textract")
    assert [outcome.status for outcome in report.outcomes] == ["added", "failed"]
    assert "other.textract.json: No such file" in report.failed[0].reason


def test_the_command_line_takes_a_file_of_regions(
    bill: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = tmp_path / "answer.json"
    answer.write_text(textract())
    library = str(tmp_path / "library")
    with pytest.raises(SystemExit) as done:
        main(["add", str(bill), "--index", library, "--parser", f"textract:{answer}"])
    assert done.value.code == 0
    with pytest.raises(SystemExit):
        main(["search", "net sum", "--index", library])
    assert "Net sum 7.00" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("spec", "fingerprint"),
    [
        ("docling", "docling-4 (auto"),
        ("docling+text_layer", "docling-4 (text_layer"),
        ("hocr+none", "hocr-4 (own words)"),
        ("azure:some/answer.json", "azure-4 ("),
        ("unstructured+none:fast", "0."),
    ],
)
def test_parser_specs_name_the_format_the_word_reader_and_the_file(
    spec: str, fingerprint: str
) -> None:
    assert load_parser(spec).fingerprint.startswith(fingerprint)


def test_regions_that_are_no_json_data_are_refused() -> None:
    with pytest.raises(InvalidInput, match="plain data of a JSON file, got set"):
        TextractRegions({1, 2})  # type: ignore[arg-type]


def test_a_file_name_with_a_null_byte_fails_the_document(engine: Engine, bill: Path) -> None:
    report = engine.add(bill, parser=TextractRegions("no\0file.json"))
    assert "cannot read the regions" in report.failed[0].reason
