"""Real processes under test: started on a free loopback port, stopped by id."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

import httpx
import openai

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

START_TIMEOUT_S = 60.0
# Whatever the developer has set must not reach a test: a key here could spend money.
_KEPT = (
    "PATH",
    "HOME",
    "LANG",
    "TMPDIR",
    "VIRTUAL_ENV",
    "OPENBLAS_CORETYPE",
    "OPENBLAS_L2_SIZE",
    "COVERAGE_PROCESS_START",
)


def free_port() -> int:
    """A loopback port that nothing listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def clean_environ(**extra: str) -> dict[str, str]:
    """The environment of a process under test."""
    return (
        {name: os.environ[name] for name in _KEPT if name in os.environ}
        | {
            "OMP_NUM_THREADS": "1",
            "HF_HUB_OFFLINE": "1",
        }
        | extra
    )


@dataclass
class Pointsman:
    """A `pointsman` process that serves on `port`. Use it as a context manager."""

    data_dir: Path
    command: str = "gateway"
    arguments: tuple[str, ...] = ()
    environ: Mapping[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[str] | None = None
    _clients: list[openai.OpenAI] = field(default_factory=list)

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        """Everything that the process has printed so far, both streams."""
        return (self.data_dir / "process.log").read_text()

    def start(self) -> Self:
        """Start, and return once `/readyz` says so."""
        self.data_dir.mkdir(parents=True, exist_ok=True)
        environ = clean_environ(POINTSMAN_DATA_DIR=str(self.data_dir), **self.environ)
        argv = [
            sys.executable,
            "-m",
            "gateway.cli.main",
            self.command,
            "--port",
            str(self.port),
            *self.arguments,
        ]
        with (self.data_dir / "process.log").open("a") as log:
            self.process = subprocess.Popen(
                argv, env=environ, stdout=log, stderr=subprocess.STDOUT, text=True
            )
        self.wait_ready()
        return self

    def wait_ready(self, *, full: bool = False, timeout_s: float = START_TIMEOUT_S) -> None:
        """Return once the gateway (with `full` also every local model) is ready; fail with the log else."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            assert self.process is not None and self.process.poll() is None, f"ended early:\n{self.log}"
            try:
                if (
                    httpx.get(f"{self.origin}/readyz", params={"full": int(full)}, timeout=5).status_code
                    == 200
                ):
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.05)
        raise AssertionError(f"not ready in {timeout_s:g} s:\n{self.log}")

    def stop(self, number: int = signal.SIGTERM, timeout_s: float = 30.0) -> int:
        """Stop the process by id and return its exit code."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(timeout_s)

    def client(self, **options: Any) -> openai.OpenAI:
        """The official client with nothing changed but `base_url`."""
        options = {"api_key": "unused", "max_retries": 0, "timeout": 60.0} | options
        found = openai.OpenAI(base_url=f"{self.origin}/v1", **options)
        self._clients.append(found)
        return found

    def http(self) -> httpx.Client:
        return httpx.Client(base_url=self.origin, timeout=60.0)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        for client in self._clients:
            client.close()
        self.stop()
