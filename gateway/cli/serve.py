"""`pointsman serve`: gateway processes, the worker and the console port under one supervisor."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.gateway import listen
from gateway.cli.policy_file import PolicyOption

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from gateway.settings import Settings
    from gateway.supervise import Child

_AFTER_GRACE_S = 10.0
"""What a gateway needs after its grace period to tell its callers, write its records and export its traces."""


def serve(
    host: Annotated[
        str, typer.Option(help="Address to listen on; other than loopback needs an API key.")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port of the gateway; 0 takes a free one.")
    ] = 8080,
    console_port: Annotated[int, typer.Option(min=0, max=65535, help="Port of the console.")] = 8081,
    policy: PolicyOption = None,
    config: Annotated[Path | None, typer.Option(help="gateway.yaml.")] = None,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Gateway processes that share the port.")] = 1,
) -> None:
    """Start everything: the gateway on PORT, local models behind it, and a line to try it with."""
    from gateway.cli.banner import announce
    from gateway.cli.startup import check, read_settings
    from gateway.telemetry.logs import configure

    settings = read_settings(policy, config)
    configure(settings.log_level)
    plan = check(settings, host)
    try:
        listener = listen(host, port)
    except OSError as error:
        print(f"cannot listen on {host}:{port}: {(error.strerror or 'failed').lower()}; choose another --port",
              file=sys.stderr)  # fmt: skip
        raise typer.Exit(1) from None
    with tempfile.TemporaryDirectory(prefix="pointsman-") as runtime:
        env = {**os.environ, **plan.environ, "POINTSMAN_WORKER_URL": f"unix://{runtime}/worker.sock"}
        if workers > 1:
            metrics = Path(runtime) / "metrics"
            metrics.mkdir()
            env["PROMETHEUS_MULTIPROC_DIR"] = str(metrics)
        children = [_gateway(number, host, listener.fileno(), env) for number in range(workers)]
        if plan.models:
            children.append(_worker(Path(runtime) / "worker.sock", plan.models, env))
        url = f"http://{f'[{host}]' if ':' in host else host}:{listener.getsockname()[1]}"
        code = asyncio.run(_run(children, announce(url, plan, console_port), console_port, host, settings))
    raise typer.Exit(code)


async def _run(
    children: list[Child],
    announcing: Coroutine[None, None, None],
    console_port: int,
    host: str,
    settings: Settings,
) -> int:
    from gateway.cli.console_port import not_built_yet
    from gateway.supervise import Supervisor

    console = await not_built_yet(host, console_port)
    banner = asyncio.create_task(announcing)
    try:
        return await Supervisor(children, settings.grace_s + _AFTER_GRACE_S).run()
    finally:
        banner.cancel()
        if console is not None:
            console.close()


def _gateway(number: int, host: str, fd: int, env: dict[str, str]) -> Child:
    from gateway.supervise import Child

    argv = [sys.executable, "-m", "gateway.cli.main", "gateway", "--host", host, "--fd", str(fd)]
    return Child(f"gateway {number}", argv, env, pass_fds=(fd,))


def _worker(socket: Path, models: dict[str, str | None], env: dict[str, str]) -> Child:
    from gateway.supervise import Child

    argv = [sys.executable, "-m", "gateway.cli.main", "worker", "--uds", str(socket)]
    for name, path in models.items():
        argv += ["--model", f"{name}={path}" if path else name]
    return Child("worker", argv, env, stop_last=True)
