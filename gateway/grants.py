"""What a key may do: which endpoints, models and targets. Typed and closed, in gateway.yaml and database alike."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Globs = Annotated[tuple[Annotated[str, Field(min_length=1, max_length=128)], ...], Field(max_length=64)]


class Scopes(BaseModel):
    """What a key is good for; what is not named is not limited. Each is a list of globs, of which one must match."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    endpoints: Globs | None = None
    """Paths after `/v1/`, e.g. `chat/completions` or `audio/*`."""
    models: Globs | None = None
    """What a request may ask for in `model`, e.g. `auto`."""
    targets: Globs | None = None
    """Targets of the policy that may answer; the others are passed over, also as fallbacks."""

    @property
    def limited(self) -> bool:
        """Whether anything is ruled out."""
        return not (self.endpoints is self.models is self.targets is None)

    def allows_endpoint(self, path: str) -> bool:
        """Whether requests to a path like `/v1/chat/completions` are allowed."""
        return _among(path.removeprefix("/v1/").strip("/"), self.endpoints)

    def allows_model(self, model: str) -> bool:
        """Whether this model may be asked for."""
        return _among(model, self.models)

    def withheld(self, targets: Iterable[str]) -> Mapping[str, str]:
        """Those of the targets that may not answer, each with the reason in words."""
        if self.targets is None:
            return {}
        return {name: "the key may not use it" for name in targets if not _among(name, self.targets)}


EVERYTHING = Scopes()


def _among(name: str, globs: tuple[str, ...] | None) -> bool:
    return globs is None or any(fnmatchcase(name, glob) for glob in globs)
