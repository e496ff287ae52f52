"""gateway.yaml: where upstreams are and which keys may call. Typed and closed; findings carry line numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from policies.document import UnreadableError, read_document
from policies.findings import Finding, did_you_mean, quote

if TYPE_CHECKING:
    from pathlib import Path

    from pydantic_core import ErrorDetails

    from policies.document import Document

_Name = Annotated[str, Field(pattern=r"^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,63}$")]
_Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class _Closed(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Upstream(_Closed):
    """A provider: the part of a target's `model` before the slash."""

    url: Annotated[str, Field(pattern=r"^https?://[^\s]+$")] | None = None
    """Base URL that ends before `/chat/completions`, e.g. `http://10.0.0.5:8000/v1`."""
    api_key_env: str | None = None
    """Name of the environment variable that holds the key; none is sent when unset and `url` is given."""
    lane: Literal["openai", "litellm"] = "openai"
    """`openai` for OpenAI-compatible servers, `litellm` for providers with an API of their own."""
    headers: dict[str, str] = {}


class Key(_Closed):
    """An API key that clients may use, stored as its SHA-256 (fit for random keys; never a password)."""

    id: _Name
    sha256: _Sha256
    tenant: _Name = "default"


class Model(_Closed):
    """A local model of one's own, by the name that targets use."""

    path: str
    """A GGUF file or a Hugging Face folder with safetensors."""


class GatewayConfig(_Closed):
    """The whole of gateway.yaml."""

    upstreams: dict[_Name, Upstream] = {}
    keys: tuple[Key, ...] = ()
    models: dict[_Name, Model] = {}


def load_config(path: Path | None) -> GatewayConfig | list[Finding]:
    """The configuration at `path`, defaults when there is none, or everything that is wrong with it."""
    if path is None:
        return GatewayConfig()
    source = str(path)
    try:
        document = read_document(path.read_bytes())
    except OSError as error:
        return [Finding("error", source, 1, 1, f"cannot be read: {(error.strerror or 'failed').lower()}")]
    except UnreadableError as unreadable:
        return [Finding("error", source, unreadable.place[0], unreadable.place[1], unreadable.message)]
    try:
        return GatewayConfig.model_validate(document.data)
    except ValidationError as invalid:
        return [_finding(error, document, source) for error in invalid.errors(include_url=False)]


def _finding(error: ErrorDetails, document: Document, source: str) -> Finding:
    loc = tuple(part for part in error["loc"] if part != "[key]")
    unknown = error["type"] == "extra_forbidden"
    line, column = document.place(loc, key=unknown or "[key]" in error["loc"])
    last = str(loc[-1]) if loc else "file"
    if unknown:
        message = f"unknown key {quote(last)}{did_you_mean(last, _keys_beside(loc))}"
    elif error["type"] == "missing":
        message = f"missing key {quote(last)}"
    else:
        message = f"{quote(last)} is not valid: {error['msg'][:1].lower()}{error['msg'][1:].rstrip('.')}"
    return Finding("error", source, line, column, message)


def _keys_beside(loc: tuple[str | int, ...]) -> list[str]:
    models: dict[str, type[BaseModel]] = {"upstreams": Upstream, "keys": Key, "models": Model}
    model = models.get(str(loc[0]), GatewayConfig) if len(loc) > 1 else GatewayConfig
    return list(model.model_fields)
