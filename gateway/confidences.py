"""The graded answers of this deployment's local models: where their tables lie, and the confidence a risk asks for.

A table is looked for under the target's own name in the data directory, where `pointsman targets confidences` puts it;
then in the folder of its model, where training puts the calibration split of a specialist.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from policies.acceptance import Release
from routers.risk import FILE, ConfidenceTableError, control, read_table
from routers.specialists.registry import SHIPPED_DIR

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from gateway.config import GatewayConfig
    from gateway.settings import Settings
    from policies.model import Target
    from routers.risk import ConfidenceTable

log = logging.getLogger("pointsman.policy")
FOLDER: Final = "confidences"
"""In the data directory: one file a target."""


@dataclass(frozen=True, slots=True)
class Confidences:
    """Tables of confidences by target; fulfils `policies.acceptance.Releases`. Reads files, and remembers none."""

    data_dir: Path
    models: Mapping[str, Path] = field(default_factory=dict)
    """Models of gateway.yaml -> their folder."""

    @classmethod
    def of(cls, settings: Settings, config: GatewayConfig) -> Confidences:
        """Those of a deployment."""
        from pathlib import Path

        return cls(settings.data_dir, {name: Path(m.path).expanduser() for name, m in config.models.items()})

    def at(self, name: str, target: Target, risk: float, level: float) -> Release:
        """The confidence that keeps to `risk`; without a table, or a readable one, nothing is released."""
        table = self.table(name, target)
        if table is None:
            return Release(risk, level, None)
        found = control(table, risk, level)
        return Release(risk, level, found.threshold, found.n, found.needed, found.released, found.wrong)

    def highest(self, name: str, target: Target) -> float | None:
        """The confidence of the surest graded answer."""
        table = self.table(name, target)
        return None if table is None else table.highest

    def table(self, name: str, target: Target) -> ConfidenceTable | None:
        """The first table there is for a target; a damaged one counts as none, and the log says so."""
        if target.kind != "specialist":  # nothing else reports a confidence
            return None
        for path in self._places(name, target.model):
            try:
                if (table := read_table(path)) is not None:
                    return table
            except ConfidenceTableError as error:
                log.error("no answer of %s is released by its risk: %s", name, error)
                return None
        return None

    def _places(self, name: str, model: str) -> Iterator[Path]:
        if safe(name):
            yield own_table(self.data_dir, name)
        if model in self.models:
            yield self.models[model] / FILE
        elif safe(model):
            yield SHIPPED_DIR / model / FILE


def own_table(data_dir: Path, name: str) -> Path:
    """Where the graded answers of a target are kept; `name` has to be `safe`."""
    return data_dir / FOLDER / f"{name}.json"


def safe(name: str) -> bool:
    """Whether a name may stand in a path without leading anywhere else."""
    return name.isprintable() and not name.startswith(".") and "/" not in name and "\\" not in name
