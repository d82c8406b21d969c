"""The error tree, and the install command in the message about a missing package."""

from __future__ import annotations

import importlib
import inspect

import pytest

from colregion import errors


def test_every_error_derives_from_colregion_error_and_a_built_in_error() -> None:
    classes = [
        error
        for _, error in inspect.getmembers(errors, inspect.isclass)
        if issubclass(error, Exception) and error.__module__ == errors.__name__
    ]
    assert len(classes) == 10
    for error in classes:
        assert issubclass(error, errors.ColregionError)
        if error is not errors.ColregionError:
            assert issubclass(error, ImportError | ValueError | LookupError | RuntimeError), (
                f"{error} should also be a built-in error"
            )


def test_module_docstring_names_every_error() -> None:
    for name, _ in inspect.getmembers(errors, inspect.isclass):
        if name != "ModuleType":
            assert name in (errors.__doc__ or "")


def test_require_names_the_extra_of_a_missing_package() -> None:
    with pytest.raises(errors.MissingDependency, match=r'pip install "colregion\[ocr\]"') as caught:
        errors.require("no_such_package_here", extra="ocr")
    assert isinstance(caught.value.__cause__, ImportError)


@pytest.mark.parametrize("library", ["libGL.so.1", "libgthread-2.0.so.0", "libxcb.so.1"])
def test_require_names_the_system_packages_that_opencv_needs(
    library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_name: str) -> None:
        raise ImportError(f"{library}: cannot open shared object file: No such file or directory")

    monkeypatch.setattr(importlib, "import_module", fail)
    with pytest.raises(errors.MissingDependency, match=r"apt-get install libgl1 libglib2\.0-0"):
        errors.require("rapid_layout", extra="ocr")


def test_require_returns_an_installed_package() -> None:
    assert errors.require("json", extra="ocr").dumps([]) == "[]"
