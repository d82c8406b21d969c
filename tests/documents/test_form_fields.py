"""Check boxes and radio buttons of PDF forms."""

from __future__ import annotations

import io

import numpy as np
import pytest
from reportlab.pdfgen.canvas import Canvas

from colregion.core.documents import TextLayer
from colregion.documents import open_document
from colregion.documents.form_fields import CheckBox, with_check_boxes
from colregion.parsers import load_parser


def form(*, rotation: int = 0) -> bytes:
    """A page of 400 x 400 points: boxes of 20 points, one above the other, with labels."""
    data = io.BytesIO()
    canvas = Canvas(data, pagesize=(400, 400))
    canvas.setPageRotation(rotation)
    fields = canvas.acroForm
    for i, (label, checked) in enumerate((("Smoker", True), ("Diabetic", False))):
        fields.checkbox(name=label, x=40, y=340 - 60 * i, size=20, checked=checked)
        canvas.drawString(66, 345 - 60 * i, label)
    for i, (label, style) in enumerate((("Cash", "circle"), ("Card", "check"))):
        fields.radio(
            name="pay",
            value=label,
            x=40,
            y=220 - 60 * i,
            size=20,
            selected=label == "Card",
            buttonStyle=style,
        )
        canvas.drawString(66, 225 - 60 * i, label)
    fields.checkbox(name="hidden", x=40, y=40, size=20, checked=True, annotationFlags="hidden")
    fields.textfield(name="remark", x=200, y=40, width=100, height=20, value="none")
    canvas.save()
    return data.getvalue()


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_check_boxes_and_radio_buttons_are_words_with_their_state(rotation: int) -> None:
    (page,) = load_parser("text_layer").parse(open_document(form(rotation=rotation)))
    marks = [(word.text, word.box) for word in page.words if word.text in ("\u2610", "\u2612")]
    # From the left edge and the bottom, in fractions of the page before it is turned.
    bottoms = [340 / 400, 280 / 400, 220 / 400, 160 / 400]
    corners = np.array([[[0.1, 1 - y - 0.05], [0.15, 1 - y]] for y in bottoms])
    for _ in range(rotation // 90):
        corners = np.stack([1 - corners[..., 1], corners[..., 0]], axis=-1)
    expected = np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1)
    by_place = sorted(zip(expected.tolist(), "☒☐☐☒", strict=True), key=lambda pair: pair[0][:2])
    marks.sort(key=lambda pair: pair[1].xyxy[:2])
    assert [text for text, _ in marks] == [text for _, text in by_place]
    np.testing.assert_allclose(
        [box.xyxy for _, box in marks], [box for box, _ in by_place], atol=0.003
    )


def test_check_boxes_stand_on_the_line_of_their_labels() -> None:
    (page,) = load_parser("text_layer").parse(open_document(form()))
    lines = [region.text for region in page.regions if region.level == "line"]
    assert lines == ["☒ Smoker", "☐ Diabetic", "☐ Cash", "☒ Card", "none"]


def test_check_box_replaces_the_characters_drawn_in_it() -> None:
    boxes = np.array([[0.1, 0.1, 0.12, 0.12], [0.2, 0.1, 0.22, 0.12]])
    layer = TextLayer(("4", "a"), boxes, np.array([True, False]), image_area=0.5)
    box = CheckBox(is_checked=True, xyxy=(0.09, 0.09, 0.13, 0.13))
    merged = with_check_boxes(layer, [box])
    assert merged.characters == ("a", "\n", "☒")
    np.testing.assert_array_equal(merged.boxes_xyxy, [boxes[1], (0, 0, 0, 0), box.xyxy])
    assert merged.visible.tolist() == [False, True, True]
    assert merged.image_area == 0.5


def test_page_without_check_boxes_keeps_its_characters() -> None:
    layer = TextLayer((), np.zeros((0, 4)), np.zeros(0, dtype=bool))
    assert with_check_boxes(layer, []) is layer
    merged = with_check_boxes(layer, [CheckBox(is_checked=False, xyxy=(0.1, 0.1, 0.2, 0.2))])
    assert merged.characters == ("\n", "☐")
