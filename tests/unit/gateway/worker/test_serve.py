"""The socket file: who may open it, and what is replaced."""

from __future__ import annotations

import socket
import stat
from typing import TYPE_CHECKING

import pytest

from gateway.worker.serve import AddressTaken, listen_tcp, listen_unix

if TYPE_CHECKING:
    from pathlib import Path


def test_socket_file_is_for_its_owner_only(tmp_path: Path) -> None:
    """Other users of the machine cannot open the socket; its folder is made."""
    path = tmp_path / "run" / "w.sock"
    with listen_unix(path):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_socket_left_by_a_killed_worker_is_replaced(tmp_path: Path) -> None:
    """A file that nobody listens on any more does not stop the next worker."""
    path = tmp_path / "w.sock"
    listen_unix(path).close()
    with listen_unix(path) as listener:
        listener.listen()
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))


def test_socket_in_use_is_left_alone(tmp_path: Path) -> None:
    """A second worker on the same path is refused and does not disturb the first."""
    path = tmp_path / "w.sock"
    with listen_unix(path) as listener:
        listener.listen()
        with pytest.raises(AddressTaken, match="another process listens"):
            listen_unix(path)
        assert path.exists()


def test_other_files_are_never_removed(tmp_path: Path) -> None:
    """A path that is no socket is refused and kept."""
    path = tmp_path / "notes.txt"
    path.write_text("mine")
    with pytest.raises(AddressTaken, match="is no socket"):
        listen_unix(path)
    assert path.read_text() == "mine"


def test_taken_port_is_named() -> None:
    """A port in use is an error with address and port."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(AddressTaken, match=f"127.0.0.1:{port}"):
            listen_tcp("127.0.0.1", port)
