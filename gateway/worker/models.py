"""Which models this process serves, and the state of each while they load in the background."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from gateway.errors import UnknownModel
from gateway.worker.batching import Batcher
from gateway.worker.errors import ModelLoading, ModelUnavailable
from gateway.worker.responders import LanguageResponder, SpecialistResponder
from routers.catalogue import resolve
from routers.specialists.language import load_language_model
from routers.specialists.registry import SpecialistError, find, shipped
from routers.specialists.text import load_specialist, predict_mixed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gateway.worker.responders import Responder
    from routers.specialists.base import Prediction
    from routers.specialists.encoder import SharedEncoder
    from routers.specialists.text import TextSpecialist

log = logging.getLogger(__name__)

Kind = Literal["specialist", "language"]
State = Literal["loading", "ready", "failed", "absent"]


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """A model to serve: its public name and, if it is not found by that name, where it lies."""

    name: str
    path: Path | None = None

    @classmethod
    def parse(cls, text: str) -> ModelSpec:
        """Read `NAME` or `NAME=PATH`; raises ValueError for anything else."""
        name, given, path = text.partition("=")
        if not name or (given and not path):
            raise ValueError(f"`{text}` is neither NAME nor NAME=PATH")
        return cls(name, Path(path).expanduser() if path else None)

    @property
    def kind(self) -> Kind:
        """A folder with adapter and head, or the name of a shipped one, is a specialist."""
        if self.path is not None:
            return "specialist" if (self.path / "head.safetensors").is_file() else "language"
        return "specialist" if self.name in shipped() else "language"


@dataclass(slots=True)
class Slot:
    """One served model. Changed only on the event loop."""

    spec: ModelSpec
    kind: Kind
    state: State = "loading"
    detail: str = ""
    load_s: float | None = None
    responder: Responder | None = None
    settled: asyncio.Event = field(default_factory=asyncio.Event)

    def report(self) -> dict[str, Any]:
        """Return what `/readyz` says about this model."""
        return {"state": self.state, "kind": self.kind, "detail": self.detail, "load_s": self.load_s}


class Models:
    """The served models. Loading happens on one thread, language models first: they take under a second."""

    def __init__(
        self,
        specs: Sequence[ModelSpec],
        model_dir: Path,
        *,
        threads: int = 1,
        load_wait_s: float = 10.0,
    ) -> None:
        """`load_wait_s` is how long a request waits for a model that is still loading."""
        self._slots = {spec.name: Slot(spec, spec.kind) for spec in specs}
        self._model_dir, self._threads, self._load_wait_s = model_dir, threads, load_wait_s
        self._encoders: dict[Path, SharedEncoder] = {}
        self._batchers: dict[int, Batcher[tuple[TextSpecialist, str], Prediction]] = {}

    def start(self) -> None:
        """Begin to load; returns at once. Call it on the event loop."""
        loop = asyncio.get_running_loop()
        # A daemon: a process that is told to stop need not wait for a model it will not use.
        threading.Thread(target=self._load_all, args=(loop,), name="load-models", daemon=True).start()

    async def ready(self, name: str) -> Responder:
        """Return a loaded model; raises UnknownModel, ModelLoading or ModelUnavailable."""
        slot = self._slots.get(name)
        if slot is None:
            raise UnknownModel(
                f"This worker serves no model `{name}`; it has {_listed(self._slots)}.", param="model"
            )
        try:
            await asyncio.wait_for(slot.settled.wait(), self._load_wait_s)
        except TimeoutError:
            raise ModelLoading(f"`{name}` is still loading; try again shortly.", retry_after_s=5) from None
        if slot.responder is None:
            raise ModelUnavailable(f"`{name}` cannot answer: {slot.detail}.", retry_after_s=60)
        return slot.responder

    def report(self) -> dict[str, dict[str, Any]]:
        """Return the state of each model by name."""
        return {name: slot.report() for name, slot in self._slots.items()}

    async def close(self) -> None:
        """Stop all running generations and batches."""
        for slot in self._slots.values():
            if slot.responder is not None:
                await slot.responder.close()
        for batcher in self._batchers.values():
            await batcher.close()

    def _load_all(self, loop: asyncio.AbstractEventLoop) -> None:
        for slot in sorted(self._slots.values(), key=lambda slot: slot.kind != "language"):
            started = time.perf_counter()
            state, detail, loaded = self._load(slot)
            took = round(time.perf_counter() - started, 3)
            if loop.is_closed():
                return
            loop.call_soon_threadsafe(self._settle, slot, state, detail, loaded, took)

    def _load(self, slot: Slot) -> tuple[State, str, Any]:
        spec = slot.spec
        try:
            if slot.kind == "specialist":
                return "ready", "", self._load_specialist(spec)
            path = spec.path or resolve(spec.name, self._model_dir)
            return "ready", "", load_language_model(path, threads=self._threads)
        except FileNotFoundError as error:
            detail = str(error)
            if spec.path is None and "models pull" not in detail:
                detail = f"{detail}: run `pointsman models pull {spec.name}`"
            return "absent", detail, None
        except Exception as error:  # noqa: BLE001 - one broken model must not take the others down
            log.warning(
                "model %s did not load: %s", spec.name, error, exc_info=log.isEnabledFor(logging.DEBUG)
            )
            return "failed", f"{type(error).__name__}: {error}", None

    def _load_specialist(self, spec: ModelSpec) -> TextSpecialist:
        _, card = find(spec.path or spec.name)
        base = resolve(card.base, self._model_dir)
        loaded = load_specialist(spec.path or spec.name, base, encoder=self._encoders.get(base))
        self._encoders[base] = loaded.encoder
        return loaded

    def _settle(self, slot: Slot, state: State, detail: str, loaded: Any, took: float) -> None:
        slot.state, slot.detail, slot.load_s = state, detail, took if state == "ready" else None
        if state == "ready":
            slot.responder = self._respond_with(slot, loaded)
        slot.settled.set()

    def _respond_with(self, slot: Slot, loaded: Any) -> Responder:
        if slot.kind == "language":
            return LanguageResponder(slot.spec.name, loaded)
        encoder = id(loaded.encoder)
        if encoder not in self._batchers:
            self._batchers[encoder] = Batcher(predict_mixed)
        return SpecialistResponder(loaded, self._batchers[encoder])


def _listed(names: Any) -> str:
    return ", ".join(f"`{name}`" for name in names) or "none"
