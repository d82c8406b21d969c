"""`colregion serve`: its start, its errors in one sentence, and its end."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from colregion.cli import main
from colregion.errors import BackendError, IndexCorrupt, InvalidInput
from colregion.indexes.local.schema import DATABASE
from colregion.server import serve


def test_port_in_use_is_an_error_that_says_what_to_do(demo_library: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(BackendError, match=f"port {port} on 127.0.0.1 is in use.*--port"):
            serve(str(demo_library), port=port)


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::"])
def test_other_addresses_than_loopback_take_a_token(demo_library: Path, host: str) -> None:
    with pytest.raises(InvalidInput, match=r"other machines could read.*--token [\w-]{16,}"):
        serve(str(demo_library), host=host)


def test_address_of_another_machine_is_an_error(demo_library: Path) -> None:
    with pytest.raises(BackendError, match=r"cannot listen on 192\.0\.2\.1.*check --host"):
        serve(str(demo_library), host="192.0.2.1", port=0, token="correct-horse-battery")


def test_missing_index_is_an_error_and_creates_nothing(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="no index"):
        serve(str(tmp_path / "missing"), port=0)
    assert not (tmp_path / "missing").exists()


def test_folder_of_something_else_is_an_error(tmp_path: Path) -> None:
    (tmp_path / DATABASE).write_bytes(b"something else" * 100)
    with pytest.raises(IndexCorrupt):
        serve(str(tmp_path), port=0)


def test_command_line_reports_errors_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["serve", "--index", str(tmp_path / "missing"), "--port", "0"])
    assert stopped.value.code == 2
    assert "there is no index at" in " ".join(capsys.readouterr().err.split())


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="sends a signal")
def test_server_answers_until_it_is_interrupted(demo_library: Path) -> None:
    command = [sys.executable, "-u", "-m", "colregion", "serve", "--index", str(demo_library)]
    with subprocess.Popen(
        [*command, "--port", "0"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        line = "".join(process.stdout.readline() for _ in range(2)).replace("\n", " ")
        (address,) = [word for word in line.split() if word.endswith("/")][:1]
        with urllib.request.urlopen(f"{address}api/documents", timeout=20) as answer:
            assert b'"total": 1' in answer.read()
        process.send_signal(signal.SIGINT)
        process.wait(timeout=20)
        assert "Traceback" not in process.stderr.read()
