"""gateway.yaml: where upstreams are and which keys may call. Typed and closed; findings carry line numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, FilePath, ValidationError, model_validator

from gateway.grants import EVERYTHING, Scopes
from policies.document import UnreadableError, read_document
from policies.findings import Finding, did_you_mean, quote
from policies.schema import known_keys

if TYPE_CHECKING:
    from pathlib import Path

    from pydantic_core import ErrorDetails

    from policies.document import Document

_Name = Annotated[str, Field(pattern=r"^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,63}$")]
_Url = Annotated[str, Field(pattern=r"^https?://[^\s]+$")]
_Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class _Closed(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class BreakerSpec(_Closed):
    """When an endpoint is not called for a while because its calls fail. Held by each gateway process for itself."""

    failure_ratio: Annotated[float, Field(gt=0, le=1)] = 0.5
    """Share of the calls in the window that must have failed."""
    min_calls: Annotated[int, Field(ge=1)] = 10
    """Fewer calls in the window prove nothing."""
    window_s: Annotated[float, Field(gt=0, le=600)] = 10.0
    """Length of the sliding window."""
    timeouts: Annotated[int, Field(ge=1)] = 3
    """So many calls in a row that time out are enough, whatever the ratio."""
    open_s: Annotated[float, Field(gt=0, le=600)] = 5.0
    """How long it is not called; doubled each time that a probe fails."""
    max_open_s: Annotated[float, Field(gt=0, le=3600)] = 30.0
    """Longest time between two probes."""
    probes: Annotated[int, Field(ge=1, le=100)] = 2
    """So many good probes in a row, one at a time, let all calls pass again."""
    longest_pause_s: Annotated[float, Field(ge=0, le=3600)] = 60.0
    """A 429 with `retry-after` holds off all calls for that long, and at most for this; 0: only the one request."""


class ConcurrencySpec(_Closed):
    """How many calls of an endpoint are under way at once in one gateway process, and how many may wait."""

    limit: Annotated[int, Field(ge=1)] = 1000
    """Calls at once, streams that are still running included."""
    queue: Annotated[int, Field(ge=0)] = 1000
    """Calls that may wait for another to end; beyond it the step fails at once."""
    wait_s: Annotated[float, Field(gt=0, le=600)] = 5.0
    """Longest wait in the queue."""


class Deployment(_Closed):
    """One of several servers, regions or keys that serve the same models; what it does not say is the upstream's."""

    id: _Name
    """Names it in logs, metrics and `/readyz`."""
    url: _Url | None = None
    """Base URL, if it has one of its own."""
    api_key_env: str | None = None
    """Name of the environment variable that holds its key, if it has one of its own."""
    model: Annotated[str, Field(min_length=1, max_length=256)] | None = None
    """What it calls the model, if it has a name of its own for it."""
    headers: dict[str, str] = {}
    """Sent beside those of the upstream."""
    weight: Annotated[float, Field(gt=0, le=1_000_000)] = 1.0
    """How much it takes, compared with the others."""


class Upstream(_Closed):
    """A provider: the part of a target's `model` before the slash."""

    url: _Url | None = None
    """Base URL that ends before `/chat/completions`, e.g. `http://10.0.0.5:8000/v1`."""
    api_key_env: str | None = None
    """Name of the environment variable that holds the key; none is sent when unset and `url` is given."""
    lane: Literal["openai", "litellm"] = "openai"
    """`openai` for OpenAI-compatible servers, `litellm` for providers with an API of their own."""
    headers: dict[str, str] = {}
    """Sent with each request of the `openai` lane, beside the key."""
    deployments: Annotated[tuple[Deployment, ...], Field(max_length=64)] = ()
    """Several that serve the same models; each has its own circuit, slots and pause."""
    balance: Literal["latency", "least-busy", "weighted"] = "latency"
    """Which deployment is called: the quicker of two drawn at random, the one with the fewest calls under way, or one
    drawn by weight. Those that are not well are passed over, and a retry goes to another one."""
    proxy: _Url | None = None
    """HTTP proxy to reach it through (`openai` lane); else the variables `HTTPS_PROXY`, `NO_PROXY` … hold."""
    ca_file: FilePath | None = None
    """PEM file with the authorities that its certificate is checked against (`openai` lane); else the system's."""
    verify: bool = True
    """False checks no certificate (`openai` lane): only for a server on the same machine."""
    breaker: BreakerSpec = BreakerSpec()
    """When it is left alone because it fails."""
    concurrency: ConcurrencySpec = ConcurrencySpec()
    """How many calls at once."""
    retry_share: Annotated[float, Field(ge=0, le=1)] = 0.2
    """Calls that retries may add, as a share of the others; up to ten may be saved up. 0: it is never asked again."""

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        names = [one.id for one in self.deployments]
        if len(set(names)) < len(names):
            raise ValueError("two deployments have the same id")
        return self


class Key(_Closed):
    """An API key that clients may use, stored as its SHA-256 (fit for random keys; never a password)."""

    id: _Name
    """Names it in records and spans."""
    sha256: _Sha256
    """SHA-256 of the key in hex."""
    tenant: _Name = "default"
    """Whose key it is; caches, records and policies tell tenants apart."""
    scopes: Scopes = EVERYTHING
    """What it is good for."""


class Model(_Closed):
    """A local model of one's own, by the name that targets use."""

    path: str
    """A GGUF file or a Hugging Face folder with safetensors."""


class GatewayConfig(_Closed):
    """The whole of gateway.yaml."""

    upstreams: dict[_Name, Upstream] = {}
    """Providers, by the part of a target's `model` before the slash."""
    keys: tuple[Key, ...] = ()
    """Keys of clients, kept in this file."""
    models: dict[_Name, Model] = {}
    """Local models of one's own, by the name that targets use."""


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
        message = f"unknown key {quote(last)}{did_you_mean(last, known_keys(loc[:-1], GatewayConfig))}"
    elif error["type"] == "missing":
        message = f"missing key {quote(last)}"
    else:
        message = f"{quote(last)} is not valid: {error['msg'][:1].lower()}{error['msg'][1:].rstrip('.')}"
    return Finding("error", source, line, column, message)
