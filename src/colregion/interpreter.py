"""Fresh Python interpreters that work for this process, over pipes."""

from __future__ import annotations

import io
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from typing import IO, Any

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
        ours, theirs = _reply_channel()
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _MAIN.format(module=module), *path],
                stdin=subprocess.PIPE,
                stdout=theirs,
                stderr=self._errors,
                env=environment,
                # Ctrl-C is for the parent, which then stops this process and the programs that
                # it has started.
                start_new_session=True,
            )
        except OSError:
            self._errors.close()
            if ours is not None:
                ours.close()
            raise
        finally:
            if ours is not None:
                os.close(theirs)
        assert self._process.stdin is not None
        self.pid = self._process.pid
        self._stdin = self._process.stdin
        stdout = self._process.stdout if ours is None else io.BufferedReader(ours)
        assert stdout is not None
        self.stdout: IO[bytes] = stdout

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


class _Replies(io.RawIOBase):
    """Reads large blocks whole, by one call.

    A pipe gives 64 KB at a time. After each piece Python's lock has to be taken, from the thread
    that runs a model as well: on two busy cores that took 2.5 to 2.9 times as long beside 38 pages
    of 20 MB per second, and 1.7 times beside 60 read whole.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        is_block = len(buffer) > io.DEFAULT_BUFFER_SIZE
        return self._socket.recv_into(buffer, 0, socket.MSG_WAITALL if is_block else 0)

    def close(self) -> None:
        self._socket.close()
        super().close()


def _reply_channel() -> tuple[_Replies | None, int]:
    """Where replies are read, and the descriptor for standard output of the process, to be closed:
    a pipe of `subprocess` on Windows, where a process cannot write to a socket."""
    if os.name != "posix":
        return None, subprocess.PIPE
    ours, theirs = socket.socketpair()
    return _Replies(ours), theirs.detach()


def take_pipes() -> tuple[IO[bytes], IO[bytes]]:
    """In the process: its standard input and output. Programs and libraries that read or print do
    not touch them from now on."""
    tasks, replies = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    return tasks, replies
