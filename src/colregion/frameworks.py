"""The frameworks that have an adapter, by the name that `Engine.as_retriever` takes."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any

from colregion.errors import InvalidInput

_PACKAGES = {"langchain": "langchain_core", "llama_index": "llama_index", "haystack": "haystack"}


class MakesRetrievers:
    """What the retriever of a framework can search; the framework is imported when asked for."""

    def as_retriever(self, framework: str | None = None, **settings: Any) -> Any:
        """A `RegionRetriever` of this engine, for a framework's chains, query engines or pipelines.

        Args:
            framework: "langchain", "llama_index" or "haystack"; None takes the one that is
                installed.
            settings: of that class, such as `k=3`.

        Raises:
            InvalidInput: an unknown framework, or None where not exactly one is installed.
            MissingDependency: the framework is not installed.
        """
        name = _only_installed() if framework is None else framework.replace("-", "_")
        if name not in _PACKAGES:
            raise InvalidInput(f"no adapter for {framework!r}; there are {', '.join(_PACKAGES)}")
        return import_module(f"colregion.{name}").RegionRetriever(engine=self, **settings)


def _only_installed() -> str:
    installed = [name for name, package in _PACKAGES.items() if find_spec(package) is not None]
    if len(installed) == 1:
        return installed[0]
    names = " or ".join(f'as_retriever("{name}")' for name in installed or _PACKAGES)
    state = "several frameworks are" if installed else "no framework is"
    raise InvalidInput(f"{state} installed; say which one to use: {names}")
