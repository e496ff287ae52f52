"""Where each target lives: from a policy's target to an endpoint, and what is missing to reach it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal

from gateway.config import BreakerSpec, ConcurrencySpec, Upstream

if TYPE_CHECKING:
    from collections.abc import Mapping

    from policies.model import Policy

Lane = Literal["openai", "litellm", "worker"]

# Providers with an OpenAI-compatible API: base URL and the variable that holds the key (None: no key needed).
OPENAI_COMPATIBLE: dict[str, tuple[str, str | None]] = {
    "openai": ("https://api.openai.com/v1", "OPENAI_API_KEY"),
    "deepseek": ("https://api.deepseek.com/v1", "DEEPSEEK_API_KEY"),
    "fireworks_ai": ("https://api.fireworks.ai/inference/v1", "FIREWORKS_API_KEY"),
    "groq": ("https://api.groq.com/openai/v1", "GROQ_API_KEY"),
    "mistral": ("https://api.mistral.ai/v1", "MISTRAL_API_KEY"),
    "openrouter": ("https://openrouter.ai/api/v1", "OPENROUTER_API_KEY"),
    "together_ai": ("https://api.together.xyz/v1", "TOGETHER_API_KEY"),
    "xai": ("https://api.x.ai/v1", "XAI_API_KEY"),
}

# Providers spoken to by litellm whose key variable does not follow the pattern `<PROVIDER>_API_KEY`.
KEY_VARIABLES: dict[str, str] = {
    "bedrock": "AWS_ACCESS_KEY_ID",
    "huggingface": "HF_TOKEN",
    "vertex_ai": "GOOGLE_APPLICATION_CREDENTIALS",
}


_BREAKER: Final = BreakerSpec()
_CONCURRENCY: Final = ConcurrencySpec()
_UNCONFIGURED: Final = Upstream()


@dataclass(frozen=True, slots=True)
class Endpoint:
    """How to call one target."""

    lane: Lane
    provider: str
    """Name for spans and messages, e.g. `openai`."""
    model: str
    """The model as this endpoint names it."""
    url: str | None = None
    """Base URL ending before `/chat/completions`; None lets litellm choose."""
    key: str | None = None
    headers: Mapping[str, str] | None = None
    deployment: str = ""
    """Which of several that serve this model; empty where there is one."""
    deployments: tuple[Endpoint, ...] = ()
    """Those of which each call goes to one; empty where there is only this endpoint."""
    balance: Literal["latency", "least-busy", "weighted"] = "latency"
    weight: float = 1.0
    proxy: str | None = None
    ca_file: str | None = None
    verify: bool = True
    breaker: BreakerSpec = _BREAKER
    concurrency: ConcurrencySpec = _CONCURRENCY
    retry_share: float = _UNCONFIGURED.retry_share

    @property
    def name(self) -> str:
        """How logs, metrics and `/readyz` call it, e.g. `openai/gpt-5-mini`."""
        model = self.model.removeprefix(f"{self.provider}/")
        return f"{self.provider}/{model}" + (f"#{self.deployment}" if self.deployment else "")

    def __repr__(self) -> str:
        return f"Endpoint({self.lane}, {self.provider}, {self.model}, {self.url})"  # never the key


class Catalogue:
    """Resolves targets under one gateway.yaml and one environment."""

    def __init__(
        self, upstreams: Mapping[str, Upstream], environ: Mapping[str, str], worker_url: str | None = None
    ) -> None:
        self._upstreams = upstreams
        self._environ = environ
        self._worker_url = worker_url

    def endpoints(self, policy: Policy) -> tuple[dict[str, Endpoint], dict[str, str]]:
        """Endpoints of every reachable target, and for the others the reason in words (what to set)."""
        found: dict[str, Endpoint] = {}
        missing: dict[str, str] = {}
        for name, target in policy.targets.items():
            resolved = (
                self._upstream(target.model) if target.kind == "upstream" else self._worker(target.model)
            )
            if isinstance(resolved, Endpoint):
                found[name] = resolved
            else:
                missing[name] = resolved
        return found, missing

    def knows(self, provider: str) -> bool:
        """Whether gateway.yaml or the built-in list names this provider."""
        return provider in self._upstreams or provider in OPENAI_COMPATIBLE

    def upstream(self, model: str) -> Endpoint | str:
        """The endpoint of `provider/name`, or what to set before it can be reached."""
        return self._upstream(model)

    def worker(self, model: str) -> Endpoint | str:
        """The endpoint of a local model, or why there is none."""
        return self._worker(model)

    def _worker(self, model: str) -> Endpoint | str:
        if self._worker_url is None:
            return "no worker runs local models: start `pointsman serve`, or set `POINTSMAN_WORKER_URL`"
        over_tcp = not self._worker_url.startswith("unix://")
        url = self._worker_url.rstrip("/").removesuffix("/v1") + "/v1" if over_tcp else self._worker_url
        return Endpoint("worker", "pointsman", model, url=url)

    def _upstream(self, model: str) -> Endpoint | str:
        """The endpoint of a model; one with deployments has those that can be reached, at least one."""
        provider, _, name = model.partition("/")
        configured = self._upstreams.get(provider)
        if configured is None or not configured.deployments:
            return self._single(provider, name, configured)
        found: list[Endpoint] = []
        missing = ""
        for one in configured.deployments:
            own = {"url": one.url, "api_key_env": one.api_key_env}
            changed = {key: value for key, value in own.items() if value is not None}
            headers = {**configured.headers, **one.headers}
            resolved = self._single(
                provider, one.model or name, configured.model_copy(update={**changed, "headers": headers})
            )
            if isinstance(resolved, Endpoint):
                found.append(replace(resolved, deployment=one.id, weight=one.weight))
            else:
                missing = missing or resolved
        if not found:
            return missing
        return replace(found[0], deployment="", deployments=tuple(found), balance=configured.balance)

    def _single(self, provider: str, name: str, configured: Upstream | None) -> Endpoint | str:
        model = f"{provider}/{name}"
        base, variable = OPENAI_COMPATIBLE.get(provider, (None, None))
        if provider == "openai" and self._environ.get("OPENAI_BASE_URL"):
            base = self._environ["OPENAI_BASE_URL"]
            variable = (
                variable if self._environ.get(str(variable)) else None
            )  # a server of one's own may need no key
        if configured is not None:
            base = configured.url or base
            variable = configured.api_key_env if configured.url else configured.api_key_env or variable
        litellm = base is None or (configured is not None and configured.lane == "litellm")
        if litellm and variable is None and configured is None:
            variable = KEY_VARIABLES.get(provider, f"{provider.upper()}_API_KEY")
        if variable and not self._environ.get(variable):
            return f"set `{variable}`"
        key = self._environ.get(variable) if variable else None
        said = configured or _UNCONFIGURED
        return Endpoint(
            "litellm" if litellm else "openai",
            provider,
            model if litellm else name,
            url=(base if configured else None) if litellm else str(base).rstrip("/"),
            key=key,
            headers=configured.headers if configured and not litellm else None,
            proxy=said.proxy,
            ca_file=str(said.ca_file) if said.ca_file else None,
            verify=said.verify,
            breaker=said.breaker,
            concurrency=said.concurrency,
            retry_share=said.retry_share,
        )
