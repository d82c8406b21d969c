"""Every error that colregion raises on purpose.

    ColregionError
      MissingDependency    (ImportError)   a package or a system program is not installed
      InvalidInput         (ValueError)    an argument that can never work
        InvalidBox                         a box without area, not finite or off the page
        ShapeMismatch                      an array of another shape than promised
      UnreadableDocument   (ValueError)    a file that is damaged, locked or no document
      ModelMismatch        (ValueError)    an index made with another encoder
      NotIndexed           (LookupError)   a document or page that the index does not hold
      IndexCorrupt         (RuntimeError)  an index that is damaged or of another format
      BackendError         (RuntimeError)  a library, program or disk underneath failed

Each also derives from the built-in error that fits, so code that knows nothing of colregion
can still catch it. The message always says what to do.
"""

from __future__ import annotations

import importlib
from types import ModuleType


class ColregionError(Exception):
    """Base of all errors of colregion."""


class MissingDependency(ColregionError, ImportError):
    """A package or program that this step needs is not installed; the message is the cure."""


class InvalidInput(ColregionError, ValueError):
    """An argument that can never work, whatever the state of the index."""


class InvalidBox(InvalidInput):
    """A box with a side of no length, a coordinate that is not finite, or off the page."""


class ShapeMismatch(InvalidInput):
    """An array whose shape is not the one promised, with both in the message."""


class UnreadableDocument(ColregionError, ValueError):
    """A file that exists but cannot be read as a document: damaged, locked, or of no known type."""


class ModelMismatch(ColregionError, ValueError):
    """The index was made with one encoder and is used with another."""


class NotIndexed(ColregionError, LookupError):
    """A document or page id that the index does not hold."""


class IndexCorrupt(ColregionError, RuntimeError):
    """The index is damaged, or of a format that this version does not read."""


class BackendError(ColregionError, RuntimeError):
    """Something underneath failed: a native library, an external program, the disk, a server."""


def require(module: str, *, extra: str) -> ModuleType:
    """Import an optional module, or raise `MissingDependency` with the line that installs it.

    Heavy packages are imported through this at the moment of use, so that `import colregion`
    stays light and a missing package names its cure.

    Args:
        module: dotted name of the module to import.
        extra: the extra of this distribution that brings it: `pip install "colregion[extra]"`.
    """
    try:
        return importlib.import_module(module)
    except ImportError as cause:
        cure = f'pip install "colregion[{extra}]"'
        if any(library in str(cause) for library in ("libGL", "libgthread", "libxcb")):
            # opencv-python links against a desktop's libraries, which slim machines lack.
            cure = "apt-get install libgl1 libglib2.0-0  (Debian and Ubuntu)"
        raise MissingDependency(
            f"{module} could not be imported ({cause}). Install it: {cure}"
        ) from cause
