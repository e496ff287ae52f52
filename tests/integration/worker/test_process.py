"""The worker as a process: it listens before it loads, is quiet, drains, and cleans up."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import psutil

from tests.integration.worker.conftest import LANGUAGE, SPECIALIST, Worker, start_worker, wait_until_settled

if TYPE_CHECKING:
    from pathlib import Path

ASK = {"model": LANGUAGE, "messages": [{"role": "user", "content": "Write a long story about a train."}]}


def test_listens_before_its_models_are_there(tmp_path: Path) -> None:
    """Health answers while a specialist is still loading, and stopping then is quick."""
    process = start_worker(tmp_path / "w.sock", f"--model={SPECIALIST}")
    worker = Worker(tmp_path / "w.sock", process.pid)
    try:
        while not (states := worker.states()):
            time.sleep(0.02)
        assert states == {SPECIALIST: "loading"}
    finally:
        process.terminate()
    assert process.wait(10) == 0


def test_sigterm_lets_a_running_answer_end(tmp_path: Path) -> None:
    """A stream that runs when SIGTERM comes is finished; the socket file is gone afterwards."""
    process = start_worker(tmp_path / "w.sock", f"--model={LANGUAGE}")
    worker = Worker(tmp_path / "w.sock", process.pid)
    wait_until_settled(worker)
    with (
        worker.http() as client,
        client.stream(
            "POST", "/v1/chat/completions", json={**ASK, "stream": True, "max_tokens": 40}
        ) as response,
    ):
        lines = response.iter_lines()
        next(lines)
        process.send_signal(signal.SIGTERM)
        assert list(lines)[-2:] == ["data: [DONE]", ""]
    assert process.wait(10) == 0
    assert not worker.socket.exists()


def test_answer_that_outlasts_the_grace_period_ends_with_an_error(tmp_path: Path) -> None:
    """The stream of such an answer says that it is incomplete, and the process ends in time."""
    process = start_worker(tmp_path / "w.sock", f"--model={LANGUAGE}", "--grace-s=1")
    worker = Worker(tmp_path / "w.sock", process.pid)
    wait_until_settled(worker)
    body = {**ASK, "stream": True, "max_tokens": 1900, "temperature": 1.5}
    with worker.http() as client, client.stream("POST", "/v1/chat/completions", json=body) as response:
        lines = response.iter_lines()
        next(lines)
        process.send_signal(signal.SIGTERM)
        rest = [line for line in lines if line]
    assert '"code":"shutting_down"' in rest[-1]
    assert process.wait(6) == 0


def test_is_quiet_and_reachable_by_its_socket_only(tmp_path: Path) -> None:
    """Nothing is printed while it serves, and no runtime inside has opened a port of its own."""
    command = [sys.executable, "-m", "gateway.cli.main", "worker", "--uds", str(tmp_path / "w.sock")]
    process = subprocess.Popen(
        [*command, f"--model={LANGUAGE}"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=os.environ
    )
    worker = Worker(tmp_path / "w.sock", process.pid)
    wait_until_settled(worker)
    with worker.http() as client:
        assert client.post("/v1/chat/completions", json={**ASK, "max_tokens": 3}).status_code == 200
        assert client.post("/v1/chat/completions", json={**ASK, "model": "x"}).status_code == 404
    assert psutil.Process(process.pid).net_connections(kind="inet") == []
    process.terminate()
    assert process.communicate(timeout=10)[0] == b""


def test_second_worker_on_a_socket_in_use_is_refused(worker: Worker) -> None:
    """Exit code 2 and a sentence; the first worker goes on."""
    second = subprocess.run(
        [sys.executable, "-m", "gateway.cli.main", "worker", "--uds", str(worker.socket), "--model=x"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (second.returncode, "another process listens" in second.stderr) == (2, True)
    assert worker.states()
