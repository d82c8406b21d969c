"""Fresh interpreters: what goes in and out, how they end, and that nothing of them is left."""

from __future__ import annotations

import os
import signal
import socket
import threading
from pathlib import Path

import pytest

from colregion.interpreter import FreshInterpreter, _Replies

WORK = """
import os, sys
from colregion.interpreter import take_pipes

def main():
    tasks, replies = take_pipes()
    print("a library that prints")
    assert sys.stdin.read() == ""
    word = tasks.readline().strip()
    replies.write(word * 2 + os.environb[b"SUFFIX"] + b"\\n")
    replies.flush()
    tasks.readline()
    raise ValueError("no more\\nthan this")
"""


@pytest.fixture
def process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FreshInterpreter:
    (tmp_path / "work_of_a_test.py").write_text(WORK, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    return FreshInterpreter("work_of_a_test", {**os.environ, "SUFFIX": "!"})


def test_output_is_that_of_the_module_alone_and_the_last_error_is_known(
    process: FreshInterpreter,
) -> None:
    process.send(b"ab\n")
    assert process.stdout.readline() == b"abab!\n"
    assert process.is_alive
    process.send(b"\n")
    assert process.stdout.read() == b""
    assert process.wait() == 1
    assert process.last_error() == "than this"
    process.send(b"too late\n")
    process.close()


@pytest.mark.skipif(os.name != "posix", reason="looks at signals")
def test_process_that_is_killed_has_no_error_but_its_signal(process: FreshInterpreter) -> None:
    process.kill()
    assert process.wait() == -signal.SIGKILL
    assert process.last_error() == f"exit status {-signal.SIGKILL}"
    assert not process.is_alive
    process.close()


@pytest.mark.skipif(os.name != "posix", reason="a pipe on Windows")
def test_block_that_comes_in_pieces_is_read_by_one_call_and_a_line_does_not_wait() -> None:
    ours, theirs = socket.socketpair()
    with _Replies(ours) as replies, theirs:
        theirs.send(b"a line\n")
        line = bytearray(100)
        assert replies.readinto(line) == 7
        pieces = [bytes([number]) * 100_000 for number in range(10)]

        def write() -> None:
            for piece in pieces:
                theirs.sendall(piece)

        writer = threading.Thread(target=write)
        writer.start()
        block = bytearray(1_000_000)
        assert replies.readinto(block) == 1_000_000
        writer.join()
        assert block == b"".join(pieces)
        theirs.shutdown(socket.SHUT_WR)
        assert replies.readinto(block) == 0
