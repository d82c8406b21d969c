"""Converting office files to PDF with LibreOffice, where it is installed.

The file is hostile until proved otherwise: LibreOffice gets a copy of it in a folder of its own,
a profile that runs no macros and follows no links, and limits of time, memory and written bytes.
"""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import tempfile
import time
import zipfile
from pathlib import Path

from colregion.errors import BackendError, MissingDependency, UnreadableDocument

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
}

OFFICE_SUFFIXES = frozenset(_FILTERS)

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
    """Convert an office file with the suffix that `office_suffix` returns to PDF.

    Raises:
        MissingDependency: LibreOffice is not installed.
        UnreadableDocument: LibreOffice cannot read it, or not in time.
        BackendError: LibreOffice could not be run.
    """
    program = shutil.which("soffice") or shutil.which("libreoffice")
    if program is None:
        raise MissingDependency(
            f"{name} is an office file, which LibreOffice has to turn into PDF. Install it: "
            "apt-get install --no-install-recommends libreoffice-writer-nogui "
            "libreoffice-calc-nogui libreoffice-impress-nogui  (Debian and Ubuntu), "
            "brew install --cask libreoffice  (macOS); or save the file as PDF"
        )
    with tempfile.TemporaryDirectory(prefix="colregion-office-") as folder:
        # Not the file's own name, which could be an option or hold anything else.
        copy = Path(folder, f"document{suffix}")
        copy.write_bytes(source if isinstance(source, bytes) else source.read_bytes())
        _convert(program, copy, name=name, timeout_s=timeout_s)
        pdf = copy.with_suffix(".pdf")
        if not pdf.is_file():
            raise UnreadableDocument(
                f"LibreOffice cannot turn {name} into PDF: it is damaged, has a password, or the "
                "part of LibreOffice for its kind is not installed (libreoffice-writer-nogui, "
                "-calc-nogui, -impress-nogui). Save it as PDF"
            )
        return pdf.read_bytes()


def _convert(program: str, copy: Path, *, name: str, timeout_s: float) -> None:
    profile = copy.parent / "profile"
    _write_profile(profile)
    command = [
        _binary(program),
        f"-env:UserInstallation={profile.as_uri()}",
        *("--headless", "--norestore", "--nolockcheck", "--nodefault", "--nologo"),
        f"--infilter={_FILTERS[copy.suffix]}",
        *("--convert-to", "pdf", "--outdir", str(copy.parent), str(copy)),
    ]
    if os.name == "posix":
        # The shell sets limits and becomes the program, because setting them between fork and exec
        # is not safe in a process with threads. An existing limit on memory stays.
        limits = (
            f'[ "$(ulimit -v)" = unlimited ] && ulimit -v {_MEMORY_KIB}; '
            f'ulimit -f {_WRITTEN_BLOCKS}; exec "$@"'
        )
        command = ["/bin/sh", "-c", limits, "sh", *command]
    deadline = time.monotonic() + timeout_s
    status = _START_AGAIN
    try:
        while status == _START_AGAIN:
            status = subprocess.run(
                command,
                cwd=copy.parent,
                env={**os.environ, "HOME": str(copy.parent), "TMPDIR": str(copy.parent)},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=max(deadline - time.monotonic(), 0.0),
                check=False,
            ).returncode
    except subprocess.TimeoutExpired as cause:
        raise UnreadableDocument(
            f"LibreOffice took more than {timeout_s:g} seconds over {name}; save it as PDF"
        ) from cause
    except OSError as cause:
        raise BackendError(f"LibreOffice could not be started: {cause}") from cause


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
