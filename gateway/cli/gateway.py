"""`pointsman gateway`: one process of the data plane."""

from __future__ import annotations

import gc
import math
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.policy_file import PolicyOption

if TYPE_CHECKING:
    from gateway.settings import Settings

_GC_THRESHOLDS = (10_000, 20, 50)


def gateway(
    host: Annotated[
        str, typer.Option(help="Address to listen on; other than loopback needs an API key.")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")
    ] = 8080,
    fd: Annotated[
        int | None, typer.Option(hidden=True, help="Listening socket inherited from the supervisor.")
    ] = None,
    policy: PolicyOption = None,
    config: Annotated[Path | None, typer.Option(help="gateway.yaml.")] = None,
) -> None:
    """Run one gateway process, without supervisor and without worker."""
    import uvloop

    from gateway.cli.startup import read_settings

    settings = read_settings(policy, config)
    uvloop.run(_serve(settings, host, port, fd))


async def _serve(settings: Settings, host: str, port: int, fd: int | None) -> None:
    import uvicorn

    from gateway.app import create_app
    from gateway.services import build
    from gateway.telemetry.logs import configure

    configure(settings.log_level)
    listener = socket.socket(fileno=fd) if fd is not None else listen(host, port)
    services = build(settings, host=host)
    await services.prepare()
    # What is loaded now stays: the collector need not look at it again each time that requests leave garbage.
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_GC_THRESHOLDS)
    options = uvicorn.Config(
        create_app(services),
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # nothing here depends on the peer's address
        timeout_graceful_shutdown=math.ceil(settings.grace_s),
        h11_max_incomplete_event_size=64 * 1024,
    )
    await uvicorn.Server(options).serve(sockets=[listener])


def listen(host: str, port: int) -> socket.socket:
    """A listening TCP socket, shared by as many processes as inherit it."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named because event loops set TCP_NODELAY only where it is.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, port))
    listener.listen(2048)
    listener.setblocking(False)
    return listener
