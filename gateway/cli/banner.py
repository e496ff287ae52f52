"""What `pointsman serve` prints: what is ready, what is not and how to change that, and a line to paste."""

from __future__ import annotations

import asyncio
import json
import os
import time
from typing import TYPE_CHECKING, Any

import aiohttp
from rich.console import Console
from rich.markup import escape

from gateway.telemetry.setup import OTLP_ENDPOINTS

if TYPE_CHECKING:
    from gateway.cli.startup import StartPlan

_POLL_S = 0.1
_TRIAL = {"model": "auto", "messages": [{"role": "user", "content": "What is the capital of France?"}]}


async def announce(url: str, plan: StartPlan, console_port: int) -> None:
    """Print as soon as the gateway answers, and again when the local models do. Ends with that."""
    console = Console(soft_wrap=True, highlight=False)
    started = time.monotonic()
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session:
        while (await _get(session, f"{url}/readyz"))[0] != 200:  # noqa: ASYNC110 the event is in another process
            await asyncio.sleep(_POLL_S)
        _print_ready(console, url, plan, console_port, time.monotonic() - started)
        await _print_models(console, session, url, started)


def _print_ready(console: Console, url: str, plan: StartPlan, console_port: int, took_s: float) -> None:
    console.print(f"\n[bold]Pointsman[/bold] is ready after {took_s:.1f} s")
    for name, value in _facts(url, plan, console_port):
        console.print(f"  [bold]{name:<10}[/bold] {value}", markup=True)
    console.print("\nTry it:\n")
    console.print(_curl(url, needs_key=plan.settings.api_key is not None), markup=False)
    console.print()


def _facts(url: str, plan: StartPlan, console_port: int) -> list[tuple[str, str]]:
    settings, live = plan.settings, plan.live
    missing = [f"{n}: {why}" for n, why in live.missing.items() if live.policy.targets[n].kind == "upstream"]
    reachable = [n for n, t in live.policy.targets.items() if t.kind == "upstream" and n not in live.missing]
    llm = ", ".join(reachable) or "[yellow]none[/yellow]"
    redis = "shared in Redis" if settings.redis_url else "in this process; POINTSMAN_REDIS_URL shares it"
    tracing = _tracing()
    return [
        ("API", f"{url}/v1"),
        ("policy", f"{live.version}  {plan.policy_place}"),
        ("local", ", ".join(plan.models) + "  (loading)" if plan.models else "no local models in the policy"),
        ("LLM", llm + (f"  ({'; '.join(missing)})" if missing else "")),
        ("cache", redis),
        ("records", "PostgreSQL" if settings.database_url else str(settings.data_dir / "records.db")),
        ("traces", tracing),
        ("console", f"not built yet (port {console_port})"),
        ("keys", "required" if settings.api_key else "not asked for: only this machine can call"),
    ]


def _tracing() -> str:
    endpoint = next((os.environ[name] for name in OTLP_ENDPOINTS if os.environ.get(name)), None)
    return f"to {endpoint}" if endpoint else "not exported; OTEL_EXPORTER_OTLP_ENDPOINT sends them"


async def _print_models(console: Console, session: aiohttp.ClientSession, url: str, started: float) -> None:
    """Say when local models are ready, and which failed, once each."""
    told: set[str] = set()
    while True:
        status, body = await _get(session, f"{url}/readyz?full=1")
        states = body.get("local_models", {})
        for name, model in states.items():
            if name not in told and model["state"] in ("ready", "idle", "failed", "absent"):
                told.add(name)
                _print_model(console, name, model, time.monotonic() - started)
        if status == 200 or (states and told >= states.keys()):
            return
        await asyncio.sleep(5 * _POLL_S)


def _print_model(console: Console, name: str, model: dict[str, str], after_s: float) -> None:
    colour = "green" if model["state"] in ("ready", "idle") else "red"
    detail = f": {model['detail']}" if model["detail"] and model["state"] != "ready" else ""
    console.print(f"  [{colour}]{model['state']}[/{colour}] {name} after {after_s:.1f} s{escape(detail)}")


async def _get(session: aiohttp.ClientSession, url: str) -> tuple[int, dict[str, Any]]:
    try:
        async with session.get(url) as response:
            return response.status, await response.json()
    except (aiohttp.ClientError, OSError, TimeoutError, ValueError):
        return 0, {}


def _curl(url: str, *, needs_key: bool) -> str:
    key = ' -H "Authorization: Bearer $POINTSMAN_API_KEY"' if needs_key else ""
    call = f"curl -s {url}/v1/chat/completions{key} -H 'content-type: application/json'"
    return f"  {call} \\\n    -d '{json.dumps(_TRIAL)}'"
