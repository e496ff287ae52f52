"""Which models this process serves, and the state of each while they load in the background."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import queue
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from gateway.errors import UnknownModel
from gateway.worker.batching import Batcher
from gateway.worker.embedding import EmbeddingResponder
from gateway.worker.errors import ModelLoading, ModelUnavailable
from gateway.worker.responders import EntityResponder, LanguageResponder, SpecialistResponder
from routers.catalogue import encoders as catalogued_encoders
from routers.catalogue import read_catalogue, resolve
from routers.specialists.encoder import MAX_TOKENS, SharedEncoder
from routers.specialists.language import load_language_model
from routers.specialists.registry import find, shipped
from routers.specialists.text import TextSpecialist
from routers.specialists.tokens import TokenSpecialist, answer_mixed, load_specialist

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from gateway.worker.batching import Batched
    from gateway.worker.responders import Responder
    from routers.specialists.base import Prediction
    from routers.specialists.language import LanguageModel
    from routers.specialists.tokens import Entities, Specialist

log = logging.getLogger(__name__)

Kind = Literal["specialist", "language", "encoder"]
State = Literal["idle", "loading", "ready", "failed", "absent"]
"""`idle`: loads at its first request."""
Loaded: TypeAlias = "Specialist | LanguageModel | SharedEncoder"


@dataclass(frozen=True, slots=True)
class Missing:
    """Why a model is not there."""

    state: Literal["failed", "absent"]
    detail: str


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
        if self.name in shipped():
            return "specialist"
        return "encoder" if self.name in catalogued_encoders() else "language"


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
    """The served models. Loading happens on one thread, language models first: they take under a second.

    Of the specialists only the first is loaded at once, and with it their encoder; each of the others takes some
    50 ms and loads when somebody asks for it.
    """

    def __init__(
        self,
        specs: Sequence[ModelSpec],
        model_dir: Path,
        *,
        threads: int = 1,
        load_wait_s: float = 10.0,
        look_again_s: float = 5.0,
    ) -> None:
        """`load_wait_s` is how long a request waits for a model that is still loading.

        Absent weights are looked for again every `look_again_s`.
        """
        self._slots = {spec.name: Slot(spec, spec.kind) for spec in specs}
        self._model_dir, self._threads = model_dir, threads
        self._load_wait_s, self._look_again_s = load_wait_s, look_again_s
        self._wanted: queue.SimpleQueue[Slot | None] = queue.SimpleQueue()
        self._encoders: dict[Path, SharedEncoder] = {}
        self._batchers: dict[int, Batcher[tuple[Specialist, str], Prediction | Entities]] = {}

    def start(self) -> None:
        """Begin to load; returns at once. Call it on the event loop."""
        loop = asyncio.get_running_loop()
        specialists = [slot for slot in self._slots.values() if slot.kind == "specialist"]
        for slot in [*(slot for slot in self._slots.values() if slot.kind == "language"), *specialists[:1]]:
            self._wanted.put(slot)
        encoders = [slot for slot in self._slots.values() if slot.kind == "encoder"]
        for slot in [*specialists[1:], *encoders]:
            slot.state, slot.detail = "idle", "loads at its first request"
        # A daemon: a process that is told to stop need not wait for a model it will not use.
        threading.Thread(target=self._load_all, args=(loop,), name="load-models", daemon=True).start()

    async def ready(self, name: str) -> Responder:
        """Return a loaded model; raises UnknownModel, ModelLoading or ModelUnavailable."""
        slot = self._slots.get(name)
        if slot is None:
            raise UnknownModel(
                f"This worker serves no model `{name}`; it has {_listed(self._slots)}.", param="model"
            )
        if slot.state == "idle":
            slot.state, slot.detail = "loading", ""
            self._wanted.put(slot)
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

    def interrupt(self) -> None:
        """End all running answers at their next token."""
        for slot in self._slots.values():
            if slot.responder is not None:
                slot.responder.interrupt()

    async def close(self) -> None:
        """End everything that runs or waits."""
        self._wanted.put(None)
        self.interrupt()
        for batcher in self._batchers.values():
            await batcher.close()
        for slot in self._slots.values():
            if isinstance(slot.responder, EmbeddingResponder):
                await slot.responder.close()

    def _load_all(self, loop: asyncio.AbstractEventLoop) -> None:
        """Load what is wanted, and look again for what was not there: `models pull` needs no restart."""
        absent: list[Slot] = []
        while True:
            try:
                slot = self._wanted.get(timeout=self._look_again_s if absent else None)
            except queue.Empty:
                for waiting in absent:
                    self._wanted.put(waiting)
                absent = []
                continue
            if slot is None:
                return
            started = time.perf_counter()
            loaded = self._load(slot)
            if isinstance(loaded, Missing) and loaded.state == "absent":
                absent.append(slot)
            took_s = round(time.perf_counter() - started, 3)
            with contextlib.suppress(RuntimeError):  # the loop has ended: nobody wants the model any more
                loop.call_soon_threadsafe(self._settle, slot, loaded, took_s)

    def _load(self, slot: Slot) -> Loaded | Missing:
        spec = slot.spec
        try:
            if slot.kind == "specialist":
                return self._load_specialist(spec)
            if slot.kind == "encoder":
                return self._load_encoder(resolve(spec.name, self._model_dir))
            return load_language_model(
                spec.path or resolve(spec.name, self._model_dir), threads=self._threads
            )
        except FileNotFoundError as error:
            return Missing("absent", _where_to_get(spec, str(error)))
        except Exception as error:  # one broken model must not take the others down
            log.warning("model %s did not load", spec.name, exc_info=True)
            return Missing("failed", f"{type(error).__name__}: {error}")

    def _load_specialist(self, spec: ModelSpec) -> Specialist:
        _, card = find(spec.path or spec.name)
        base = resolve(card.base, self._model_dir)
        loaded = load_specialist(spec.path or spec.name, base, encoder=self._encoders.get(base))
        self._encoders[base] = loaded.encoder
        return loaded

    def _load_encoder(self, base: Path) -> SharedEncoder:
        """The encoder that specialists of the same base share, whoever of them comes first."""
        if base not in self._encoders:
            self._encoders[base] = SharedEncoder(base, threads=self._threads)
        return self._encoders[base]

    def _settle(self, slot: Slot, loaded: Loaded | Missing, took_s: float) -> None:
        if isinstance(loaded, Missing):
            slot.state, slot.detail = loaded.state, loaded.detail
        else:
            slot.state, slot.detail, slot.load_s = "ready", "", took_s
            slot.responder = self._respond_with(slot.spec.name, loaded)
        slot.settled.set()

    def _respond_with(self, name: str, loaded: Loaded) -> Responder:
        if isinstance(loaded, SharedEncoder):
            return EmbeddingResponder(name, loaded, MAX_TOKENS)
        if not isinstance(loaded, TextSpecialist | TokenSpecialist):
            return LanguageResponder(name, loaded)
        encoder = id(loaded.encoder)
        if encoder not in self._batchers:
            self._batchers[encoder] = Batcher(answer_mixed)
        batcher = self._batchers[encoder]

        async def ask(text: str) -> Batched[Any]:  # of each specialist's own kind of result
            return await batcher.submit((loaded, text))

        respond = SpecialistResponder if isinstance(loaded, TextSpecialist) else EntityResponder
        return respond(loaded.card, ask)


def _where_to_get(spec: ModelSpec, found: str) -> str:
    """Add to what was not found how to come by it."""
    if spec.path is not None or "models pull" in found:
        return found
    if spec.name in read_catalogue():
        return f"{found}: run `pointsman models pull {spec.name}`"
    return f"{found}: it is neither a shipped specialist nor in the catalogue; serve it as `{spec.name}=PATH`"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names) or "none"
