"""The supervisor, with small real processes."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time

from gateway.supervise import Child, Supervisor


def child(name, code, **options):
    return Child(name, [sys.executable, "-S", "-c", code], dict(os.environ), **options)


# Says that it runs, and on SIGTERM when it stopped, after a while.
POLITE = """
import pathlib, signal, sys, time
def stop(*_):
    time.sleep({delay})
    with open({log!r}, "a") as log: print({name!r}, "stopped", file=log, flush=True)
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
with open({log!r}, "a") as log: print({name!r}, "runs", file=log, flush=True)
while True: time.sleep(0.01)
"""
DEAF = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
with open({log!r}, "a") as log: print({name!r}, "runs", file=log, flush=True)
time.sleep(60)
"""


async def lines(log, count, timeout_s=10.0):
    """Wait until the log has this many lines; they are returned either way."""
    async with asyncio.timeout(timeout_s):
        while not log.exists() or len(log.read_text().splitlines()) < count:  # noqa: ASYNC110 another process writes
            await asyncio.sleep(0.01)
    return log.read_text().splitlines()


async def stop(running):
    """What the operating system does on `kill`: a signal to this process, which the supervisor listens for."""
    os.kill(os.getpid(), signal.SIGTERM)
    return await asyncio.wait_for(running, 10)


async def test_a_child_that_dies_is_started_again_later_each_time(tmp_path):
    """Back-off doubles, so that a broken child does not eat the machine."""
    log = tmp_path / "log"
    code = f"import time; open({str(log)!r}, 'a').write(f'{{time.monotonic()}}\\n'); raise SystemExit(1)"
    running = asyncio.create_task(Supervisor([child("crash", code)], grace_s=2).run())
    times = [float(line) for line in await lines(log, 3)]
    assert await stop(running) == 0
    assert times[1] - times[0] >= 0.5
    assert times[2] - times[1] >= 1.0


async def test_a_configuration_that_is_wrong_stops_everything(tmp_path):
    """Exit code 2 has printed its findings; starting again would only repeat them."""
    log = tmp_path / "log"
    polite = child("polite", POLITE.format(log=str(log), name="polite", delay=0))
    wrong = child("wrong", "import time; time.sleep(0.5); raise SystemExit(2)")
    code = await asyncio.wait_for(Supervisor([polite, wrong], grace_s=3).run(), 10)
    assert code == 2
    assert log.read_text().splitlines() == ["polite runs", "polite stopped"]


async def test_the_last_one_stops_after_the_others(tmp_path):
    """A gateway that drains still needs its worker."""
    log = tmp_path / "log"
    worker = child("worker", POLITE.format(log=str(log), name="worker", delay=0), stop_last=True)
    gateway = child("gateway", POLITE.format(log=str(log), name="gateway", delay=0.3))
    running = asyncio.create_task(Supervisor([worker, gateway], grace_s=5).run())
    await lines(log, 2)
    assert await stop(running) == 0
    assert log.read_text().splitlines()[2:] == ["gateway stopped", "worker stopped"]


async def test_a_child_that_does_not_listen_is_killed(tmp_path):
    """After the grace period, and not before."""
    log = tmp_path / "log"
    deaf = child("deaf", DEAF.format(log=str(log), name="deaf"))
    running = asyncio.create_task(Supervisor([deaf], grace_s=0.4).run())
    await lines(log, 1)
    started = time.monotonic()
    assert await stop(running) == 0
    assert 0.4 <= time.monotonic() - started < 3
