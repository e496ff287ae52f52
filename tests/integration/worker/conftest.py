"""One worker process for all tests of this folder, on a Unix socket, with real models."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx
import openai
import pytest

from gateway.settings import Settings
from routers.catalogue import is_present

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LANGUAGE = "smollm2-135m-instruct"
SPECIALIST = "sentiment"
ENCODER = "all-minilm-l6-v2"


@dataclass(frozen=True)
class Worker:
    """A running worker and how to reach it."""

    socket: Path
    pid: int

    def http(self) -> httpx.Client:
        """A plain client on the worker's socket."""
        return httpx.Client(
            transport=httpx.HTTPTransport(uds=str(self.socket)), base_url="http://worker", timeout=30
        )

    def openai(self) -> openai.OpenAI:
        """The official client on the worker's socket."""
        return openai.OpenAI(
            api_key="unused", base_url="http://worker/v1", max_retries=0, http_client=self.http()
        )

    def states(self) -> dict[str, str]:
        """State of each model by name; empty before the process listens."""
        with socket.socket(socket.AF_UNIX) as probe:
            if probe.connect_ex(str(self.socket)) != 0:
                return {}
        with self.http() as client:
            report = client.get("/readyz").json()["models"]
        return {name: one["state"] for name, one in report.items()}


def start_worker(path: Path, *arguments: str) -> subprocess.Popen[bytes]:
    """Start `pointsman worker` as the supervisor does."""
    command = [sys.executable, "-m", "gateway.cli.main", "worker", "--uds", str(path), *arguments]
    return subprocess.Popen(command, env={**os.environ, "OMP_NUM_THREADS": "1"})


def wait_until_settled(worker: Worker, timeout_s: float = 60) -> None:
    """Wait until no model is loading any more."""
    deadline = time.monotonic() + timeout_s
    while not (states := worker.states()) or "loading" in states.values():
        if time.monotonic() > deadline:
            pytest.fail(f"the worker's models did not settle in {timeout_s} s: {states}")
        time.sleep(0.05)


@pytest.fixture(scope="session")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    """A worker with a language model, a specialist, an encoder, and a name whose weights are missing."""
    for name in (LANGUAGE, ENCODER):
        if not is_present(name, Settings().model_dir):
            pytest.fail(
                f"the weights of {name} are missing: run `make setup` or `pointsman models pull {name}`"
            )
    path = tmp_path_factory.mktemp("worker") / "w.sock"
    models = [f"--model={name}" for name in (LANGUAGE, SPECIALIST, ENCODER, "gone")]
    process = start_worker(path, *models)
    try:
        found = Worker(path, process.pid)
        wait_until_settled(found)
        yield found
    finally:
        process.terminate()
        process.wait(15)
