"""Run the worker on a Unix socket or a TCP port until SIGTERM, then drain."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import stat
import sys
from typing import TYPE_CHECKING, NoReturn

import uvicorn

from gateway.worker.app import build_app
from gateway.worker.models import Models

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from gateway.worker.models import ModelSpec


_LAST_WORDS_S = 3
"""Time for interrupted answers to say so; then connections are cut."""


class AddressTaken(RuntimeError):
    """Something else listens there, or the path is no socket."""


def serve(
    specs: Sequence[ModelSpec],
    *,
    model_dir: Path,
    uds: Path | None = None,
    host: str = "127.0.0.1",
    port: int = 8090,
    threads: int = 1,
    grace_s: int = 10,
    log_level: str = "warning",
) -> None:
    """Serve until SIGTERM or SIGINT; blocks. Listens before any model is loaded.

    On SIGTERM no new request is taken, running ones have `grace_s` seconds, and the socket file is removed.
    Raises AddressTaken.
    """
    _calm_libraries(threads)
    # uvicorn raises the signal again after it has drained; the default action would skip the clean-up below.
    signal.signal(signal.SIGTERM, _exit)
    signal.signal(signal.SIGINT, _exit)
    listener = listen_unix(uds) if uds else listen_tcp(host, port)
    models = Models(specs, model_dir, threads=threads)
    config = uvicorn.Config(
        build_app(models),
        log_level=log_level,
        access_log=False,
        timeout_graceful_shutdown=grace_s + _LAST_WORDS_S,
        timeout_keep_alive=75,  # longer than the gateway keeps idle connections, so that it never loses the race
    )
    try:
        _Server(config, models, grace_s).run(sockets=[listener])
    finally:
        listener.close()
        if uds:
            uds.unlink(missing_ok=True)


class _Server(uvicorn.Server):
    """Ends answers that outlast the grace period by an error event instead of cutting their connections."""

    def __init__(self, config: uvicorn.Config, models: Models, grace_s: int) -> None:
        super().__init__(config)
        self._models, self._grace_s = models, grace_s

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Drain; called once, when a signal has come."""
        timer = asyncio.get_running_loop().call_later(self._grace_s, self._models.interrupt)
        await super().shutdown(sockets)
        timer.cancel()


def _exit(_signal: int, _frame: object) -> NoReturn:
    sys.exit(0)


def _calm_libraries(threads: int) -> None:
    """Set what torch, tokenizers and transformers read once, when they are imported by the loading thread."""
    os.environ["HF_HUB_OFFLINE"] = os.environ["TRANSFORMERS_OFFLINE"] = "1"
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    os.environ.setdefault("OMP_NUM_THREADS", str(threads))
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")


def listen_unix(path: Path) -> socket.socket:
    """Bind a socket file that only this user may open; one left by a killed worker is replaced.

    Raises AddressTaken, and leaves the path alone, when somebody listens on it or it is no socket.
    """
    if path.exists():
        if not stat.S_ISSOCK(path.stat().st_mode):
            raise AddressTaken(f"{path} exists and is no socket; choose another path")
        if _answers(path):
            raise AddressTaken(f"another process listens on {path}")
        path.unlink()
    path.parent.mkdir(parents=True, exist_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        listener.bind(str(path))
    except OSError as error:
        listener.close()
        raise AddressTaken(f"cannot listen on {path}: {error.strerror or error}") from error
    finally:
        os.umask(before)
    return listener


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        return client.connect_ex(str(path)) == 0


def listen_tcp(host: str, port: int) -> socket.socket:
    """Bind a TCP port; raises AddressTaken when that is not possible."""
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise AddressTaken(f"cannot listen on {host}:{port}: {error.strerror or error}") from error
    return listener
