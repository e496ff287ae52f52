"""`GET /v1/models`: what a client may put into `model`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.errors import UnknownModel

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gateway.live import LivePolicy

Json = dict[str, object]
_CREATED = 1_767_225_600  # OpenAI's schema wants a date; targets have none, so: the year the product began


def list_models(policy: Callable[[], LivePolicy], local: Sequence[str] = ()) -> Json:
    """`auto`, every target that can be called now, and `local` models for other endpoints than chat."""
    live = policy()
    names = ["auto", *(name for name in live.policy.targets if name not in live.missing), *local]
    return {"object": "list", "data": [_model(name, live) for name in names]}


def get_model(name: str, policy: Callable[[], LivePolicy], local: Sequence[str] = ()) -> Json:
    """One of `list_models`; raises `UnknownModel`."""
    live = policy()
    if name not in ("auto", *local) and (name not in live.policy.targets or name in live.missing):
        raise UnknownModel(
            f"The model `{name[:80]}` is not known here; `GET /v1/models` lists all.", param="model"
        )
    return _model(name, live)


def _model(name: str, live: LivePolicy) -> Json:
    target = live.policy.targets.get(name)
    owner = "pointsman" if target is None or target.kind != "upstream" else target.model.partition("/")[0]
    return {"id": name, "object": "model", "created": _CREATED, "owned_by": owner}
