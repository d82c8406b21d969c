"""Fresh Python interpreters that work for this process, over pipes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from typing import IO

# With the parent's path and nothing else: Python would otherwise look for modules in the working
# folder first, and that may be a folder of documents.
_MAIN = """import sys
sys.path[:] = sys.argv[1:]
from {module} import main
main()"""


class FreshInterpreter:
    """A process that runs `main` of a module. Nothing is forked, and no code of the parent's script
    is run, so that scripts need no `__main__` guard.

    Args:
        environment: all of its variables.

    Raises:
        OSError: it cannot be started.
    """

    def __init__(self, module: str, environment: Mapping[str, str]) -> None:
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  (closed by `close`)
        path = [entry or os.getcwd() for entry in sys.path]
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _MAIN.format(module=module), *path],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                env=environment,
                # Ctrl-C is for the parent, which then stops this process and the programs that
                # it has started.
                start_new_session=True,
            )
        except OSError:
            self._errors.close()
            raise
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self.pid = self._process.pid
        self._stdin, self.stdout = self._process.stdin, self._process.stdout

    @property
    def is_alive(self) -> bool:
        """Whether the process has not ended."""
        return self._process.poll() is None

    def send(self, data: bytes) -> None:
        """Write to its standard input. Whether the process has ended shows in its output."""
        with suppress(OSError):
            self._stdin.write(data)
            self._stdin.flush()

    def wait(self) -> int:
        """Wait until it ends; its exit status, below 0 for a signal."""
        return self._process.wait()

    def last_error(self) -> str:
        """The last line of its standard error, or the exit status, of a process that has ended."""
        self._errors.seek(0)
        lines = self._errors.read().decode("utf-8", "replace").strip().splitlines()
        return lines[-1] if lines else f"exit status {self.wait()}"

    def kill(self) -> None:
        """Kill the process and everything that it has started, without waiting for its end."""
        if self.is_alive and os.name == "posix":
            with suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
        self._process.kill()

    def close(self) -> None:
        """Kill it, and close the pipes, from which nobody may be reading."""
        self.kill()
        self.wait()
        for pipe in (self._stdin, self.stdout):
            with suppress(OSError):  # unsent data
                pipe.close()
        self._errors.close()


def take_pipes() -> tuple[IO[bytes], IO[bytes]]:
    """In the process: its standard input and output. Programs and libraries that read or print do
    not touch them from now on."""
    tasks, replies = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    return tasks, replies
