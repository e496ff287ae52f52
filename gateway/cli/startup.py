"""Checks before anything is started: one run shows every finding, and says what is set up and what is not."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gateway.services import SHIPPED_POLICY, load_all, policy_in_force
from gateway.settings import Settings, load_settings
from gateway.telemetry.metrics import Metrics
from routers.catalogue import encoders, is_present

if TYPE_CHECKING:
    from pathlib import Path

    from gateway.live import LivePolicy


@dataclass(frozen=True, slots=True)
class StartPlan:
    """What `pointsman serve` is about to start."""

    settings: Settings
    live: LivePolicy
    policy_path: Path
    models: dict[str, str | None]
    """Local models that the policy's targets name, with a path of their own when gateway.yaml gives one; and the
    encoder that answers `/v1/embeddings`, when it is here."""

    @property
    def policy_place(self) -> str:
        """Where the policy in force comes from."""
        return "from the database" if self.settings.policy_source == "database" else str(self.policy_path)

    @property
    def environ(self) -> dict[str, str]:
        """Variables that tell child processes which files the command line named."""
        paths = {"POINTSMAN_POLICY": self.settings.policy, "POINTSMAN_CONFIG": self.settings.config}
        return {name: str(path) for name, path in paths.items() if path is not None}


def read_settings(policy: Path | None, config: Path | None) -> Settings:
    """Settings of the environment, with the files that the command line names."""
    settings = load_settings()
    given = {"policy": policy or settings.policy, "config": config or settings.config}
    return settings.model_copy(update=given)


def check(settings: Settings, host: str) -> StartPlan:
    """Load what the processes will load; raises `StartupError` with everything that is wrong."""
    assumed = settings.model_copy(update={"worker_url": settings.worker_url or "unix:///worker.sock"})
    loaded = load_all(assumed, Metrics(), os.environ, host)
    # Its targets say which models are needed; in the database it may be another one than in the file.
    shared = settings.policy_source == "database"
    live = asyncio.run(policy_in_force(settings, loaded)) if shared else loaded.policy.current
    models: dict[str, str | None] = {}
    for target in live.policy.targets.values():
        if target.kind != "upstream":
            own = loaded.config.models.get(target.model)
            models[target.model] = own.path if own else None
    if models:  # the worker runs anyway, and its specialists have loaded the encoder
        models |= {name: None for name in encoders() if is_present(name, settings.model_dir)}
    return StartPlan(settings, live, settings.policy or SHIPPED_POLICY, models)
