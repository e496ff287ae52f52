"""The sampler attributes CPU time to the rooms that spend it."""

from __future__ import annotations

import json
import subprocess
import sys
import types

import pytest
from rich.console import Console

from gateway.cli.bench import stages
from gateway.cli.bench.sampler import OTHER_THREADS, room_of

SPIN = "while time.thread_time() < deadline: pass"
PROGRAM = f"""
import os, signal, sys, threading, time, types
from pathlib import Path
from gateway.cli.bench.sampler import Sampler

def spin_in(name, seconds):
    deadline = time.thread_time() + seconds
    exec(compile({SPIN!r}, name, "exec"), {{"__name__": name, "time": time, "deadline": deadline}})

Sampler(Path(sys.argv[1])).install()
spin_in("policies.engine", 0.1)
os.kill(os.getpid(), signal.SIGUSR1)
spin_in("gateway.cache.keys", 0.2)
spin_in("routers.heads", 0.4)
thread = threading.Thread(target=spin_in, args=("gateway.record", 0.2))
thread.start()
thread.join()
os.kill(os.getpid(), signal.SIGUSR2)
"""


def call_inner():
    """Copied into other modules' names by `frames`."""
    return inner()  # noqa: F821  each copy has its own


def frames(*names):
    """The innermost frame of a stack of functions that live in modules of these names, outermost first."""
    call = sys._getframe
    for name in reversed(names):
        call = types.FunctionType(call_inner.__code__, {"__name__": name, "inner": call})
    return call()


@pytest.mark.parametrize(
    ("stack", "room"),
    [
        (
            ["gateway.cli.gateway", "uvicorn.server", "gateway.api.chat", "gateway.pipeline"],
            "gateway.pipeline",
        ),
        (["gateway.cli.gateway", "gateway.telemetry.spans", "opentelemetry.sdk.trace"], "gateway.telemetry"),
        (["gateway.pipeline", "routers.classifier", "numpy"], "routers"),
        (["gateway.cli.gateway", "uvloop", "uvicorn.protocols.http", "asyncio.events"], "uvicorn"),
    ],
)
def test_the_innermost_own_module_is_the_room(stack, room):
    """Libraries count to their caller, commands to nobody, and a stack of libraries to the innermost one."""
    frame = frames(*stack)
    assert isinstance(frame, types.FrameType)
    assert room_of(frame) == room


def test_cpu_time_is_shared_out_as_it_was_spent(tmp_path):
    """Time before the start signal is left out; the rest adds up by room, other threads apart."""
    out = tmp_path / "samples.json"
    subprocess.run([sys.executable, "-c", PROGRAM, str(out)], check=True, timeout=30)
    found = json.loads(out.read_text())
    assert found["gateway.cache"] == pytest.approx(0.2, abs=0.06)
    assert found["routers"] == pytest.approx(0.4, abs=0.06)
    assert found[OTHER_THREADS] == pytest.approx(0.2, abs=0.06)
    assert found.get("policies", 0.0) < 0.02


def test_the_table_has_the_dearest_room_first_and_the_sum():
    """Rooms are ordered by cost over all scenarios, and the footer adds them up."""
    found = stages.Stages(
        16, {"hit": {"gateway.api": 200.0}, "routed": {"gateway.api": 250.0, "routers": 1000.0}}
    )
    console = Console(width=80)
    with console.capture() as printed:
        stages.show(found, console)
    text = printed.get()
    assert text.index("routers") < text.index("gateway.api")
    assert "1,250" in text
