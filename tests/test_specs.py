"""The grammar shared by the names of encoders, parsers and indexes."""

from __future__ import annotations

import pytest

from colregion.errors import InvalidInput
from colregion.specs import OptionValue, Spec, parse_spec


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("", Spec("")),
        ("auto", Spec("auto")),
        ("auto+geometry", Spec("auto+geometry")),
        ("vidore/colqwen2.5-v0.2", Spec("vidore/colqwen2.5-v0.2")),
        ("docling:", Spec("docling", "")),
        ("docling+tesseract:out/a b.json", Spec("docling+tesseract", "out/a b.json")),
        ("docling:C:\\out\\a.json", Spec("docling", "C:\\out\\a.json")),
        ("text:org/model?device=cpu", Spec("text", "org/model", {"device": "cpu"})),
        (
            "qdrant:http://host:6333/library?shards=2",
            Spec("qdrant", "http://host:6333/library", {"shards": 2}),
        ),
        ("org/model?a=1&b=x", Spec("org/model", None, {"a": 1, "b": "x"})),
    ],
)
def test_spec_is_split_into_name_argument_and_options(text: str, spec: Spec) -> None:
    assert parse_spec(text) == spec


@pytest.mark.parametrize(
    ("value", "typed"),
    [
        ("3", 3),
        ("-1", -1),
        ("007", 7),
        ("0.5", 0.5),
        (".5", 0.5),
        ("1.5e-3", 0.0015),
        ("true", True),
        ("false", False),
        ("True", "True"),
        ("", ""),
        ("cuda:0", "cuda:0"),
        ("nan", "nan"),
        ("1_000", "1_000"),
        ("12e4567", "12e4567"),  # a commit, not a number
        ("a=b", "a=b"),
        ("a%26b%3F", "a&b?"),
        ("what?", "what?"),
        ("٣", "٣"),
    ],
)
def test_option_values_are_typed_by_their_form(value: str, typed: OptionValue) -> None:
    parsed = parse_spec(f"name?option={value}").options["option"]

    assert parsed == typed
    assert type(parsed) is type(typed)


def test_options_keep_the_order_of_the_spec() -> None:
    assert list(parse_spec("name?b=1&a=2&c=3").options) == ["b", "a", "c"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name?", "got '' in 'name?'"),
        ("name?device", "got 'device' in 'name?device'"),
        ("name?a=1&", "got '' in 'name?a=1&'"),
        ("name?=1", "got '=1' in 'name?=1'"),
        ("name?1a=1", "got '1a=1' in 'name?1a=1'"),
        ("docling:what?.json", "got '.json' in 'docling:what?.json'"),
        ("name?a=1&a=2", "option 'a' is named twice in 'name?a=1&a=2'"),
    ],
)
def test_malformed_options_are_refused_with_the_spec_in_the_message(
    text: str, message: str
) -> None:
    with pytest.raises(InvalidInput) as error:
        parse_spec(text)

    assert message in str(error.value)
