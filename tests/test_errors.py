"""The error tree, and the line that cures a missing package."""

from __future__ import annotations

import inspect

import pytest

from colregion import errors


def test_every_error_is_ours_and_of_a_built_in_kind() -> None:
    found = [
        error
        for _, error in inspect.getmembers(errors, inspect.isclass)
        if issubclass(error, Exception) and error.__module__ == errors.__name__
    ]
    assert len(found) == 10
    for error in found:
        assert issubclass(error, errors.ColregionError)
        if error is not errors.ColregionError:
            assert issubclass(error, ImportError | ValueError | LookupError | RuntimeError), (
                f"{error} should also be a built-in error"
            )


def test_the_tree_is_drawn_in_the_docstring() -> None:
    for name, _ in inspect.getmembers(errors, inspect.isclass):
        if name != "ModuleType":
            assert name in (errors.__doc__ or "")


def test_a_missing_package_names_the_extra_that_brings_it() -> None:
    with pytest.raises(errors.MissingDependency, match=r'pip install "colregion\[ocr\]"') as caught:
        errors.require("no_such_package_here", extra="ocr")
    assert isinstance(caught.value.__cause__, ImportError)


def test_a_package_that_is_there_is_returned() -> None:
    assert errors.require("json", extra="ocr").dumps([]) == "[]"
