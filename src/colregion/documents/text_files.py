"""Text, Markdown, HTML, tables in text and mail as files that LibreOffice prints."""

from __future__ import annotations

import codecs
import csv
import io
import re
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.errors import MessageError
from email.message import EmailMessage
from html import escape

from markdown_it import MarkdownIt

from colregion.documents.attachments import attachments_not_read
from colregion.documents.html_cleaner import clean_html
from colregion.errors import UnreadableDocument

_BYTE_ORDER_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_HTML_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?([\w.:-]+)", re.IGNORECASE)
_HEADERS = ("From", "To", "Cc", "Date", "Subject")
_SAMPLE = 8192  # bytes or characters to tell an encoding or a delimiter from
_DELIMITERS = ",;\t|"


@dataclass(frozen=True, slots=True)
class PrintableText:
    """A file for LibreOffice.

    Args:
        suffix: ".txt", ".html" or ".csv", in UTF-8; with commas and every cell in quotes.
        unread: as in `Document`.
    """

    content: bytes
    suffix: str
    unread: str = ""


def printable(content: bytes, suffix: str, *, name: str) -> PrintableText:
    """A text file with the suffix that `text_suffix` returns, for LibreOffice. Raises
    UnreadableDocument for a mail or a table that is damaged."""
    if suffix == ".eml":
        return _from_mail(content, name=name)
    is_html = suffix in (".html", ".htm")
    declared = _HTML_CHARSET.search(content[:_SAMPLE]) if is_html else None
    text, unread = _decode(content, declared.group(1).decode() if declared else "utf-8")
    if suffix in (".csv", ".tsv"):
        return PrintableText(_requoted(text, suffix, name=name), ".csv", unread)
    if suffix == ".txt":
        return PrintableText(text.encode(), ".txt", unread)
    if not is_html:
        text = MarkdownIt("commonmark").enable("table").render(text)
    return PrintableText(clean_html(text).encode(), ".html", unread)


def _decode(content: bytes, encoding: str) -> tuple[str, str]:
    """The text, and a sentence if its encoding had to be guessed."""
    for mark, marked in _BYTE_ORDER_MARKS.items():
        if content.startswith(mark):
            encoding = marked
    try:
        return content.decode(encoding), ""
    except (UnicodeError, LookupError):
        guess = "its encoding is not the one declared, nor UTF-8; letters may be wrong"
        return content.decode("cp1252", "replace"), f"{guess}. Save it as UTF-8"


def _requoted(text: str, suffix: str, *, name: str) -> bytes:
    """The table with commas, and with every cell in quotes, which keeps "007" from being 7."""
    written = io.StringIO()
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text, suffix))
    try:
        csv.writer(written, quoting=csv.QUOTE_ALL).writerows(rows)
    except csv.Error as cause:
        raise UnreadableDocument(f"{name} is no table ({cause}); save it as .txt") from cause
    return written.getvalue().encode()


def _delimiter(text: str, suffix: str) -> str:
    try:
        return csv.Sniffer().sniff(text[:_SAMPLE], _DELIMITERS).delimiter
    except csv.Error:  # a table of one column, for one
        return "\t" if suffix == ".tsv" else ","


def _from_mail(content: bytes, *, name: str) -> PrintableText:
    """Headers and text of a mail; files attached to it are named."""
    try:
        mail = message_from_bytes(content, EmailMessage, policy=policy.default)
        headers = [f"{key}: {mail[key]}" for key in _HEADERS if mail[key]]
        body = mail.get_body(("html", "plain")) or mail
        payload = body.get_payload(decode=True)
        attached = [one.get_filename() or one.get_content_type() for one in mail.iter_attachments()]
    except (MessageError, ValueError, LookupError, TypeError, AttributeError) as cause:
        # The library raises all of them for one or another broken header.
        raise UnreadableDocument(f"the mail {name} is damaged ({cause}); save it again") from cause
    charset = body.get_content_charset("utf-8")
    text, unread = _decode(payload if isinstance(payload, bytes) else b"", charset)
    if body.get_content_subtype() != "html":
        text = "".join(f"<div>{escape(line) or '<br>'}</div>" for line in text.splitlines())
    head = "".join(f"<div>{escape(line)}</div>" for line in headers)
    unread = "; ".join(filter(None, [unread, attachments_not_read(attached)]))
    return PrintableText(clean_html(f"{head}<hr>{text}").encode(), ".html", unread)
