"""Converting office and text files to PDF with LibreOffice, where it is installed.

Spreadsheets, and texts with tracked changes, are changed on the way, where LibreOffice has written
them as flat XML.

The file is hostile until proved otherwise: LibreOffice gets a copy of it in a folder of its own, a
profile that runs no macros and follows no links, and limits of time, memory and written bytes.
"""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import subprocess
import tempfile
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from colregion.errors import BackendError, MissingDependency, UnreadableDocument

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

TIMEOUT_S = 60.0
"""After which a conversion is stopped; large files take some ten seconds."""

MAX_UNPACKED_BYTES = 1 << 30
"""Limit on the unpacked size of a file's parts, which may be a thousand times that of the file."""

_START_AGAIN = 81  # LibreOffice's exit status after it has set up a new profile
_MAX_PARTS = 20_000
_MEMORY_KIB = 4 << 20
_WRITTEN_BLOCKS = 2 << 20  # of 512 bytes

_FOLDERS = {"word": ".docx", "xl": ".xlsx", "ppt": ".pptx"}
_OPEN_DOCUMENT = {"text": ".odt", "spreadsheet": ".ods", "presentation": ".odp", "graphics": ".odg"}
_OLE_STREAMS = {"WordDocument": ".doc", "Workbook": ".xls", "PowerPoint Document": ".ppt"}

# LibreOffice's import filters. Without one it takes a damaged file for plain text.
_FILTERS = {
    ".docx": "MS Word 2007 XML",
    ".xlsx": "Calc MS Excel 2007 XML",
    ".pptx": "Impress MS PowerPoint 2007 XML",
    ".odt": "writer8",
    ".ods": "calc8",
    ".odp": "impress8",
    ".odg": "draw8",
    ".doc": "MS Word 97",
    ".xls": "MS Excel 97",
    ".ppt": "MS PowerPoint 97",
    ".rtf": "Rich Text Format",
    ".fodt": "OpenDocument Text Flat XML",
    ".fods": "OpenDocument Spreadsheet Flat XML",
    ".html": "HTML (StarWriter)",
    ".txt": "Text (encoded):UTF8",
    # Commas, double quotes, UTF-8, from line 1, what is quoted is text.
    ".csv": "Text - txt - csv (StarCalc):44,34,76,1,,0,true",
}

_SHEETS = frozenset([".xlsx", ".xls", ".ods", ".csv"])
_SLIDES = frozenset([".pptx", ".ppt", ".odp"])
_OLD_TEXTS = frozenset([".doc", ".rtf"])  # in which changes are not easily seen
_CHANGES = {
    ".docx": re.compile(rb"<w:(del|ins|moveFrom|moveTo)\b"),
    ".odt": re.compile(rb"<text:tracked-changes\b"),
}

OFFICE_SUFFIXES = frozenset([*_FOLDERS.values(), *_OPEN_DOCUMENT.values(), *_OLE_STREAMS.values()])
OFFICE_SUFFIXES |= {".rtf"}
"""Of the formats that are told by their content."""

_PROFILE = """<?xml version="1.0" encoding="UTF-8"?>
<oor:items xmlns:oor="http://openoffice.org/2001/registry">{}</oor:items>
"""
_SETTINGS = (
    ("org.openoffice.Office.Common/Security/Scripting", "MacroSecurityLevel", "3"),
    ("org.openoffice.Office.Common/Security/Scripting", "DisableMacrosExecution", "true"),
    ("org.openoffice.Office.Common/Security/Scripting", "BlockUntrustedRefererLinks", "true"),
    ("org.openoffice.Office.Common/Security/Scripting", "DisableActiveContent", "true"),
    ("org.openoffice.Office.Writer/Content/Update", "Link", "0"),
    ("org.openoffice.Office.Calc/Content/Update", "Link", "1"),
    ("org.openoffice.Setup/Office", "ooSetupInstCompleted", "true"),
)


def office_suffix(source: Path | bytes, head: bytes, *, name: str) -> str | None:
    """The suffix of the office format of a file's content; None for other files, such as archives.

    `head` has its first eight bytes or more. Raises UnreadableDocument for a file that is damaged,
    or declares to unpack to too much.
    """
    if head.startswith(b"{\\rtf"):
        return ".rtf"
    if head.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        content = source if isinstance(source, bytes) else source.read_bytes()
        streams = _OLE_STREAMS.items()
        return next((s for stream, s in streams if stream.encode("utf-16-le") in content), None)
    if head.startswith(b"PK\x03\x04"):
        return _zip_suffix(source, name=name)
    return None


def _zip_suffix(source: Path | bytes, *, name: str) -> str | None:
    try:
        with zipfile.ZipFile(io.BytesIO(source) if isinstance(source, bytes) else source) as parts:
            infos = parts.infolist()
            names = [info.filename for info in infos]
            suffix = None
            if "mimetype" in names and parts.getinfo("mimetype").file_size < 200:
                kind = parts.read("mimetype").decode("ascii", "replace")
                match = re.fullmatch(r"application/vnd\.oasis\.opendocument\.(\w+)\s*", kind)
                suffix = _OPEN_DOCUMENT.get(match.group(1)) if match else None
            elif "[Content_Types].xml" in names:
                folders = {n.partition("/")[0] for n in names}
                suffix = next((s for folder, s in _FOLDERS.items() if folder in folders), None)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, RuntimeError) as cause:
        raise UnreadableDocument(f"{name} is damaged ({cause}); save it again") from cause
    unpacked = sum(info.file_size for info in infos)
    if suffix and (unpacked > MAX_UNPACKED_BYTES or len(infos) > _MAX_PARTS):
        raise UnreadableDocument(
            f"{name} declares {len(infos)} parts of {unpacked:,} bytes together; up to "
            f"{MAX_UNPACKED_BYTES:,} are opened. Save it as PDF"
        )
    return suffix


def to_pdf(source: Path | bytes, suffix: str, *, name: str, timeout_s: float = TIMEOUT_S) -> bytes:
    """Convert an office file with the suffix that `office_suffix` returns, or a `PrintableText`,
    to PDF.

    Every column of a sheet is wide enough for its texts, and every page for the columns. Deleted
    text of tracked changes is left out, comments become annotations, speaker notes pages behind
    the slides; hidden slides are pages, hidden sheets, rows and columns are not.

    Raises:
        MissingDependency: LibreOffice is not installed.
        UnreadableDocument: LibreOffice cannot read it, or not in time.
        BackendError: LibreOffice could not be run.
    """
    program = shutil.which("soffice") or shutil.which("libreoffice")
    if program is None:
        raise MissingDependency(
            f"LibreOffice has to turn {name} into PDF. Install it: "
            "apt-get install --no-install-recommends libreoffice-writer-nogui "
            "libreoffice-calc-nogui libreoffice-impress-nogui  (Debian and Ubuntu), "
            "brew install --cask libreoffice  (macOS); or save the file as PDF"
        )
    with tempfile.TemporaryDirectory(prefix="colregion-office-") as folder:
        conversion = _Conversion(program, Path(folder), name, timeout_s)
        _write_profile(conversion.profile)
        # Not the file's own name, which could be an option or hold anything else.
        copy = conversion.folder / f"document{suffix}"
        copy.write_bytes(source if isinstance(source, bytes) else source.read_bytes())
        if suffix in _SHEETS:
            from colregion.documents.sheets import fit_sheets

            change = partial(fit_sheets, headers=suffix != ".csv")
            copy = conversion.run_and_change(copy, "fods", change)
        elif suffix in _OLD_TEXTS or _has_changes(copy):
            from colregion.documents.flat_odf import hide_deleted

            copy = conversion.run_and_change(copy, "fodt", hide_deleted)
        pdf = conversion.run(copy, "pdf", options=_pdf_options(suffix)).read_bytes()
    if suffix not in _SLIDES:
        return pdf
    from colregion.documents.slides import drop_empty_notes

    return drop_empty_notes(pdf, name=name)


def _has_changes(copy: Path) -> bool:
    pattern = _CHANGES.get(copy.suffix)
    if pattern is None:
        return False
    with zipfile.ZipFile(copy) as parts:
        names = [name for name in parts.namelist() if name.endswith(".xml")]
        return any(pattern.search(parts.read(name)) for name in names)


def _pdf_options(suffix: str) -> str:
    kind = "calc" if suffix in _SHEETS else "impress" if suffix in _SLIDES else "writer"
    kind = "draw" if suffix == ".odg" else kind
    chosen = ["ExportNotes", *(["ExportNotesPages", "ExportHiddenSlides"] * (kind == "impress"))]
    options = {key: {"type": "boolean", "value": "true"} for key in chosen}
    return f"{kind}_pdf_Export:{json.dumps(options)}"


@dataclass(frozen=True, slots=True)
class _Conversion:
    """Runs LibreOffice on files in a folder of their own, all within a time; `name` is for
    messages."""

    program: str
    folder: Path
    name: str
    timeout_s: float
    started: float = field(default_factory=time.monotonic)

    @property
    def profile(self) -> Path:
        return self.folder / "profile"

    def run(self, copy: Path, suffix: str, *, options: str = "") -> Path:
        """The file as another one, beside it. Raises as `to_pdf`."""
        command = _limited(
            [
                _binary(self.program),
                f"-env:UserInstallation={self.profile.as_uri()}",
                *("--headless", "--norestore", "--nolockcheck", "--nodefault", "--nologo"),
                f"--infilter={_FILTERS[copy.suffix]}",
                *("--convert-to", f"{suffix}:{options}" if options else suffix),
                *("--outdir", str(self.folder), str(copy)),
            ]
        )
        status = _START_AGAIN
        try:
            while status == _START_AGAIN:
                status = subprocess.run(
                    command,
                    cwd=self.folder,
                    env={**os.environ, "HOME": str(self.folder), "TMPDIR": str(self.folder)},
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    timeout=max(self.started + self.timeout_s - time.monotonic(), 0.0),
                    check=False,
                ).returncode
        except subprocess.TimeoutExpired as cause:
            raise UnreadableDocument(
                f"LibreOffice took more than {self.timeout_s:g} seconds over {self.name}; save it "
                "as PDF"
            ) from cause
        except OSError as cause:
            raise BackendError(f"LibreOffice could not be started: {cause}") from cause
        converted = copy.with_suffix(f".{suffix}")
        if not converted.is_file():
            raise UnreadableDocument(
                f"LibreOffice cannot turn {self.name} into PDF: it is damaged, has a password, or "
                "the part of LibreOffice for its kind is not installed (libreoffice-writer-nogui, "
                "-calc-nogui, -impress-nogui). Save it as PDF"
            )
        return converted

    def run_and_change(self, copy: Path, suffix: str, change: Callable[[Element], None]) -> Path:
        """The file as flat XML, whose root has been changed. Raises as `to_pdf`."""
        from colregion.documents.flat_odf import read_flat, write_flat

        flat = self.run(copy, suffix)
        root = read_flat(flat.read_bytes())
        change(root)
        flat.write_bytes(write_flat(root))
        return flat


def _limited(command: list[str]) -> list[str]:
    """The command with limits on memory and written bytes, where the system has them. The shell
    sets them and becomes the program, because setting them between fork and exec is not safe in a
    process with threads. An existing limit on memory stays."""
    if os.name != "posix":
        return command
    limits = (
        f'[ "$(ulimit -v)" = unlimited ] && ulimit -v {_MEMORY_KIB}; '
        f'ulimit -f {_WRITTEN_BLOCKS}; exec "$@"'
    )
    return ["/bin/sh", "-c", limits, "sh", *command]


def _binary(program: str) -> str:
    """The binary behind a start script, so that there is one process to stop, in the process
    group of the worker."""
    binary = Path(program).resolve().with_name("soffice.bin")
    return str(binary) if binary.is_file() else program


def _write_profile(folder: Path) -> None:
    items = "\n".join(
        f'<item oor:path="/{path}"><prop oor:name="{key}" oor:op="fuse"><value>{value}</value>'
        "</prop></item>"
        for path, key, value in _SETTINGS
    )
    target = folder / "user" / "registrymodifications.xcu"
    target.parent.mkdir(parents=True)
    target.write_text(_PROFILE.format(items), encoding="utf-8")
