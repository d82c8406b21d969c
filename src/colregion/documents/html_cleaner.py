"""HTML reduced to what is read of it, so that a program that prints it fetches and runs nothing."""

from __future__ import annotations

from html import escape
from html.parser import HTMLParser

_BLOCKS = frozenset(
    "p div h1 h2 h3 h4 h5 h6 ul ol li dl dt dd pre blockquote table caption thead tbody tfoot tr "
    "th td".split()
)
_INLINE = frozenset("b strong i em u s sub sup code".split())
_LIKE_DIV = frozenset(
    "section article aside header footer main nav figure figcaption form fieldset details summary "
    "address title".split()
)
_DROPPED = frozenset("script style template iframe object svg canvas".split())
_VOID = frozenset("area base br col embed hr img input link meta source track wbr".split())
_END_IS_OPTIONAL = frozenset("p li dt dd tr td th option thead tbody tfoot".split())


def clean_html(text: str) -> str:
    """The page's text with its headings, paragraphs, lists and tables, in ASCII; no references,
    styles, scripts, and nothing that the page itself hides."""
    cleaner = _Cleaner()
    cleaner.feed(text)
    cleaner.close()
    body = "".join(cleaner.parts).encode("ascii", "xmlcharrefreplace").decode("ascii")
    return f"<html><body>{body}</body></html>"


class _Cleaner(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []
        self._dropping: list[str] = []  # open elements from the outermost dropped one on

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {key: value or "" for key, value in attrs}
        if tag in _VOID:
            if not self._dropping:
                self.parts.append(_void(tag, attributes))
        elif self._dropping or tag in _DROPPED or _is_hidden(tag, attributes):
            self._dropping.append(tag)
        else:
            self.parts.append(_tag(tag, attributes))

    def handle_endtag(self, tag: str) -> None:
        if tag in self._dropping:
            while self._dropping.pop() != tag:
                pass
        elif not self._dropping and tag not in _VOID:
            self.parts.append(_tag(tag, {}, end=True))

    def handle_data(self, data: str) -> None:
        if not self._dropping:
            self.parts.append(escape(data, quote=False))


def _is_hidden(tag: str, attributes: dict[str, str]) -> bool:
    # An element without an end tag would hide the rest of the page.
    style = "".join(attributes.get("style", "").lower().split())
    return tag not in _END_IS_OPTIONAL and ("hidden" in attributes or "display:none" in style)


def _void(tag: str, attributes: dict[str, str]) -> str:
    if tag in ("br", "hr"):
        return f"<{tag}>"
    return escape(attributes.get("alt", "")) if tag == "img" else ""


def _tag(tag: str, attributes: dict[str, str], *, end: bool = False) -> str:
    if tag in _LIKE_DIV:
        tag = "div"
    if tag not in _BLOCKS | _INLINE:
        return ""
    if end:
        return f"</{tag}>"
    spans = "".join(
        f' {key}="{attributes[key]}"'
        for key in ("colspan", "rowspan")
        if attributes.get(key, "").isdecimal()
    )
    return f"<{tag}{spans}>" if tag != "table" else '<table border="1">'
