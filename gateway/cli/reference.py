"""The reference pages, made from the code: `python -m gateway.cli.reference` writes them to docs/reference."""

from __future__ import annotations

import inspect
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

import typer
from pydantic import SecretStr
from pydantic_core import PydanticUndefined

from gateway import errors
from gateway.settings import Settings
from gateway.telemetry import names

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence


class _Parameter(Protocol):
    name: str | None
    opts: list[str]
    default: object
    param_type_name: str


class _Command(Protocol):
    """What is read of click's commands, which typer carries in a copy of its own."""

    name: str | None
    help: str | None
    params: list[_Parameter]


_MADE = "<!-- Made from the code by `python -m gateway.cli.reference`; edit the code. -->"
_HEADERS = {
    names.HEADER_TARGET: "Target of the policy that answered.",
    names.HEADER_MODEL: "Model that answered, as the target names it.",
    names.HEADER_RULE: "Rule of the policy that matched, `default` when none did.",
    names.HEADER_POLICY: "Version of the policy in force: 12 hex digits over its content.",
    names.HEADER_TASK: "Task that the classifier saw.",
    names.HEADER_DOMAIN: "Domain that the classifier saw.",
    names.HEADER_DIFFICULTY: "Probability that the reference small tier fails, 0 to 1.",
    names.HEADER_CONFIDENCE: "The answering model's confidence in its answer, 0 to 1, where it reports one.",
    names.HEADER_CACHE: "`hit`, `miss`, `bypass` (the client asked for a fresh answer) or `off`.",
    names.HEADER_COST: "What the answer cost, in USD. Absent when the price is unknown or a stream is still running.",
    names.HEADER_SAVED: "What the policy's baseline would have cost more, in USD; absent when unknown.",
    names.HEADER_OVERHEAD: "Milliseconds to the first byte, less the time spent waiting for targets.",
    names.HEADER_TRACE: "Trace id of the request, 32 hex digits.",
    names.HEADER_EXPERIMENT: "Experiment that the request takes part in and its arm, as `id/arm`; absent otherwise.",
    names.HEADER_DEGRADED: "Why a weaker target stands in for a missing LLM; absent otherwise.",
    names.HEADER_REQUEST_ID: "Id of the request; the key of its record. On every answer, errors too.",
    names.HEADER_PROCESSING: "Milliseconds from the request's arrival to these headers. On every answer, errors too.",
}


def settings_page() -> str:
    """Every `POINTSMAN_*` variable with its default and meaning."""
    rows = [
        (
            f"`{Settings.model_config['env_prefix']}{name.upper()}`",
            _default(field.default),
            field.description or "",
        )
        for name, field in Settings.model_fields.items()
    ]
    lead = (
        "Environment variables of every process. Unset means embedded defaults: no server and no key is needed.\n"
        "Traces follow OpenTelemetry's own variables (`OTEL_EXPORTER_OTLP_ENDPOINT` and others), and LLM keys those\n"
        "of their providers (`OPENAI_API_KEY`, `ANTHROPIC_API_KEY`, ...; `OPENAI_BASE_URL` points to another server)."
    )
    return _page("Settings", lead, _table(("variable", "default", "meaning"), rows))


def errors_page() -> str:
    """Every error that a caller may receive."""
    rows = [
        (str(error.status), f"`{error.type}`", f"`{error.code}`", _meaning(error))
        for error in sorted(_error_classes(), key=lambda error: (error.status, error.code))
    ]
    lead = (
        'Every error has OpenAI\'s envelope, `{"error": {"message", "type", "param", "code"}}`, so the official\n'
        "clients raise their own exception classes. `x-should-retry: false` marks what would fail again unchanged;\n"
        "`retry-after` says when to come back. When one target alone decided, its status and its code are given; an\n"
        "upstream's own 4xx envelope is passed on byte for byte. After the first byte of a stream an error is an\n"
        "event of its own, and no `[DONE]` follows."
    )
    return _page("Errors", lead, _table(("status", "type", "code", "meaning"), rows))


def headers_page() -> str:
    """Every header of a response."""
    rows = [(f"`{name}`", meaning) for name, meaning in _HEADERS.items()]
    return _page(
        "Response headers", "Each response says how it came about.", _table(("header", "meaning"), rows)
    )


def cli_page() -> str:
    """Every command with its arguments and options."""
    from gateway.cli.main import app

    command = cast(_Command, typer.main.get_command(app))
    parts = [part for name, sub in _commands(command, "pointsman") for part in _command(name, sub)]
    return _page("Commands", "`-h` after any command prints the same.", "\n\n".join(parts))


def policy_page() -> str:
    """Every key of the policy language with its type, default and meaning."""
    from gateway.cli.reference_policy import LEAD, checks, sections

    parts = [
        f"## {heading}\n\n{text}\n\n{_table(('key', 'type', 'default', 'meaning'), rows)}"
        for heading, text, rows in sections()
    ]
    parts.append(f"## What `pointsman policy check` looks for\n\n{_table(('check', 'finds'), checks())}")
    return _page("The policy language", LEAD, "\n\n".join(parts))


def gateway_page() -> str:
    """Every key of gateway.yaml with its type, default and meaning."""
    from gateway.cli.reference_policy import sections_of
    from gateway.config import GatewayConfig
    from policies.schema import json_schema

    lead = (
        "Where upstreams are and who may call: `--config` or `POINTSMAN_CONFIG` names the file, and without one the\n"
        "defaults hold. Typed and closed: a key that is not listed here is an error. It is read when a process starts."
    )
    parts = [
        f"## {heading}\n\n{text}\n\n{_table(('key', 'type', 'default', 'meaning'), rows)}"
        for heading, text, rows in sections_of(json_schema(GatewayConfig))
    ]
    return _page("gateway.yaml", lead, "\n\n".join(parts))


PAGES: dict[str, Callable[[], str]] = {
    "settings.md": settings_page,
    "errors.md": errors_page,
    "headers.md": headers_page,
    "cli.md": cli_page,
    "policy.md": policy_page,
    "gateway.md": gateway_page,
}


def write(folder: Path) -> None:
    """Write every page into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, render in PAGES.items():
        (folder / name).write_text(render(), encoding="utf-8")


def _page(title: str, lead: str, body: str) -> str:
    return f"# {title}\n\n{_MADE}\n\n{lead}\n\n{body}\n"


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def _default(value: object) -> str:
    if value is None or value is PydanticUndefined or isinstance(value, SecretStr):
        return ""
    text = str(value)
    home = str(Path.home())
    return f"`{'~' + text.removeprefix(home) if text.startswith(home) else text}`"


def _error_classes() -> Iterator[type[errors.GatewayError]]:
    """Those that are raised: the leaves of the tree, and a base that stands for itself."""
    for _, found in inspect.getmembers(errors, inspect.isclass):
        if not issubclass(found, errors.GatewayError):
            continue
        below = [sub for sub in found.__subclasses__() if sub.__module__ == errors.__name__]
        if not below or found in (errors.GatewayError, errors.UpstreamRejected):
            yield found


def _meaning(found: type[errors.GatewayError]) -> str:
    if found is errors.GatewayError:
        return "The gateway failed unexpectedly; its log says why."
    return " ".join((found.__dict__.get("__doc__") or "").partition("\n\n")[0].split())


def _commands(command: _Command, path: str) -> Iterator[tuple[str, _Command]]:
    subcommands: Mapping[str, _Command] = getattr(command, "commands", {})
    for name, sub in subcommands.items():
        if getattr(sub, "commands", None):
            yield from _commands(sub, f"{path} {name}")
        else:
            yield f"{path} {name}", sub


def _command(name: str, command: _Command) -> Iterator[str]:
    yield f"## `{name}`"
    yield inspect.cleandoc(command.help or "")
    rows = [_parameter(parameter) for parameter in command.params if not getattr(parameter, "hidden", False)]
    if rows:
        yield _table(("argument or option", "default", "meaning"), rows)


def _parameter(parameter: _Parameter) -> tuple[str, str, str]:
    option = parameter.param_type_name == "option"
    shown = (
        ", ".join(f"`{name}`" for name in parameter.opts) if option else f"`{str(parameter.name).upper()}`"
    )
    default = parameter.default
    plain = default is None or default is False or callable(default) or default in ("", (), [])
    return shown, "" if plain else f"`{default}`", str(getattr(parameter, "help", None) or "")


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("docs/reference"))
