"""`pointsman route`: what would happen to a request, and why, without calling any model."""

from __future__ import annotations

import gzip
import json
import os
import sys
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.policy_file import PolicyOption

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gateway.live import LivePolicy
    from gateway.services import Loaded
    from gateway.types import Call
    from policies.decision import Decision
    from routers.signals import Signals

Json = dict[str, Any]


def route(
    prompt: Annotated[
        str | None, typer.Argument(help="The request's text; - reads it from standard input.")
    ] = None,
    system: Annotated[str, typer.Option(help="A system prompt.")] = "",
    model: Annotated[str, typer.Option(help="The model asked for.")] = "auto",
    tools: Annotated[bool, typer.Option("--tools", help="The request offers tools.")] = False,
    policy: PolicyOption = None,
    config: Annotated[Path | None, typer.Option(help="gateway.yaml.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    batch: Annotated[
        Path | None,
        typer.Option(
            help="JSON Lines file (may be .gz) of objects with `id` and `prompt` or `messages`; - is stdin."
        ),
    ] = None,
) -> None:
    """Show signals, every rule considered, the plan and the expected cost of a request."""
    if (prompt is None) == (batch is None):
        raise typer.BadParameter("give either a prompt or --batch FILE")
    loaded = _load(policy, config)
    if batch is not None:
        for row in read_rows(batch):
            print(json.dumps(_decide_row(row, model, loaded), ensure_ascii=False))
        return
    text = sys.stdin.read() if prompt == "-" else str(prompt)
    messages = [
        *([{"role": "system", "content": system}] if system else []),
        {"role": "user", "content": text},
    ]
    call = _call({"model": model, "messages": messages}, tools=tools)
    signals, decision = _route(call, loaded)
    if as_json:
        from gateway.api.route import explained, personal_spans

        answer = explained(signals, decision, loaded.policy.current, call)
        answer["personal_spans"] = personal_spans(loaded.classifier, text)
        print(json.dumps(answer, ensure_ascii=False, indent=2))
    else:
        from gateway.cli.explain import print_route, print_spans
        from gateway.decide import target_success

        live = loaded.policy.current
        print_route(signals, decision, target_success(live.policy, signals), _costs(live, signals, call))
        print_spans(text, loaded.classifier.spans(text))


def _load(policy: Path | None, config: Path | None) -> Loaded:
    from gateway.cli.startup import read_settings
    from gateway.services import load_all
    from gateway.telemetry.metrics import Metrics

    settings = read_settings(policy, config)
    # Routing is shown as with a running worker: whether one runs is not what the question is about.
    settings = settings.model_copy(update={"worker_url": settings.worker_url or "unix:///worker.sock"})
    return load_all(settings, Metrics(), os.environ, "127.0.0.1")


def _call(body: Json, *, tools: bool = False) -> Call:
    from gateway.api.wire import build_call
    from gateway.types import CacheDirective, Caller

    if tools:
        body = {**body, "tools": [{"type": "function", "function": {"name": "example"}}]}
    return build_call(
        json.dumps(body).encode(),
        request_id="",
        caller=Caller(),
        headers={},
        cache=CacheDirective(),
        received_ns=time.time_ns(),
    )


def _route(call: Call, loaded: Loaded) -> tuple[Signals, Decision]:
    from gateway import decide

    signals = loaded.classifier.classify(call.text)
    return signals, decide.decide(call, signals, loaded.policy.current)


def _costs(live: LivePolicy, signals: Signals, call: Call) -> dict[str, float]:
    return live.prices.expected(signals.tokens, call.max_output_tokens)


def read_rows(path: Path) -> Iterator[Json]:
    """Requests of a file in JSON Lines; `BadParameter` names the line that is none."""
    with _open(path) as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except ValueError as error:
                raise typer.BadParameter(f"{path}:{number}: not valid JSON: {error}") from None
            if not isinstance(row, dict) or ("prompt" not in row and "messages" not in row):
                raise typer.BadParameter(f"{path}:{number}: needs `prompt` or `messages`")
            yield row


def _open(path: Path) -> IO[str]:
    if str(path) == "-":
        return sys.stdin
    try:
        return (
            gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8")
        )
    except OSError as error:
        raise typer.BadParameter(f"{path}: {(error.strerror or 'cannot be read').lower()}") from None


def _decide_row(row: Json, model: str, loaded: Loaded) -> Json:
    from gateway.api.route import signals_shown
    from gateway.errors import GatewayError

    messages = row.get("messages") or [{"role": "user", "content": row.get("prompt")}]
    body = {"model": model, "messages": messages}
    if row.get("tools"):
        body["tools"] = row["tools"]
    try:
        call = _call(body)
    except GatewayError as error:
        return {"id": row.get("id"), "error": error.message}
    signals, decision = _route(call, loaded)
    return {
        "id": row.get("id"),
        "signals": signals_shown(signals, loaded.policy.current),
        "decision": {"rule": decision.rule, "target": decision.plan.first},
    }
