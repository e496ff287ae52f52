"""Liveness and readiness, for machines and for whoever is woken by them."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

import aiohttp
import msgspec

if TYPE_CHECKING:
    from gateway.execute.guard import Guards
    from gateway.live import PolicyHolder
    from gateway.publishing.fleet import Fleet

Json = dict[str, object]
_WORKER_TIMEOUT_S = 2.0


class ModelState(TypedDict):
    """A local model as the worker reports it."""

    state: str
    detail: str


class Health:
    """Answers whether the gateway can serve, and with `full` whether everything behind it can."""

    def __init__(
        self,
        policy: PolicyHolder,
        worker_url: str | None,
        classifier_version: str,
        fleet: Fleet,
        guards: Guards,
    ) -> None:
        self._policy = policy
        self._worker_url = worker_url
        self._classifier_version = classifier_version
        self._fleet = fleet
        self._guards = guards
        self.draining = False

    async def ready(self, *, full: bool) -> tuple[int, Json]:
        """Status and body. A refused newer policy or a missing upstream does not make the gateway unready."""
        live = self._policy.current
        status = 503 if self.draining else 200
        body: Json = {
            "status": "draining" if self.draining else "ready",
            "process": self._fleet.name,
            "policy": live.version,
            "policy_refused": [str(finding) for finding in self._policy.refused],
            "classifier": self._classifier_version,
        }
        if full:
            models = await self._local_models()
            waiting = any(model["state"] not in ("ready", "idle") for model in models.values())
            if status == 200 and waiting:
                status, body["status"] = 503, "waiting for local models"
            body["local_models"] = models
            body["not_configured"] = dict(live.missing)
            body["endpoints"] = self._guards.state()
            body["policies"] = await self._fleet.report()
            control = self._policy.feedback.control
            body["shadow_prices"] = {"usd": control.shadow_usd, "s": control.shadow_s}
            body["experiments_ended"] = sorted(control.ended)
        return status, body

    async def _local_models(self) -> dict[str, ModelState]:
        """The models of local targets under the policy in force, with their state in the worker."""
        policy = self._policy.current.policy
        wanted = dict.fromkeys(t.model for t in policy.targets.values() if t.kind != "upstream")
        if not wanted or self._worker_url is None:
            return {}
        states = await _worker_states(self._worker_url)
        if states is None:
            return {model: ModelState(state="worker down", detail="") for model in wanted}
        return {model: states.get(model, ModelState(state="absent", detail="")) for model in wanted}


async def _worker_states(url: str) -> dict[str, ModelState] | None:
    path = url.removeprefix("unix://") if url.startswith("unix://") else None
    connector = aiohttp.UnixConnector(path=path) if path else aiohttp.TCPConnector()
    timeout = aiohttp.ClientTimeout(total=_WORKER_TIMEOUT_S)
    base = "http://worker" if path else url.rstrip("/").removesuffix("/v1")
    try:
        async with (
            aiohttp.ClientSession(connector=connector, timeout=timeout) as session,
            session.get(f"{base}/readyz") as response,
        ):
            models = msgspec.json.decode(await response.read()).get("models", {})
    except (aiohttp.ClientError, OSError, TimeoutError, msgspec.DecodeError):
        return None
    return {
        name: ModelState(state=str(model.get("state")), detail=str(model.get("detail") or ""))
        for name, model in models.items()
    }
