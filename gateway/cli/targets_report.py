"""What `pointsman targets` shows, for people and as JSON."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from gateway.cli.learn_report import plain
from gateway.decide import ability_of
from gateway.errors import StartupError
from gateway.execute.catalogue import Catalogue
from gateway.services import SHIPPED_POLICY, load_versions
from gateway.telemetry.cost import read_table
from policies.store import Refused, load
from routers.placed import with_placed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from gateway.settings import Settings
    from gateway.telemetry.cost import Price
    from policies.model import Target
    from routers.placed import PlacedAbility
    from routers.placement import Estimate, HeldOut, Placement

_WIDTH = 110


@dataclass(frozen=True, slots=True)
class TargetRow:
    """One target of the policy as the gateway would use it now."""

    name: str
    kind: str
    model: str
    ability: str | None
    """Name of the ability vector in force; None where success is assumed."""
    ability_from: str
    """Where that comes from, in words."""
    missing: str | None
    """What to set before it can be called; None when nothing is missing."""
    input_usd_per_mtok: float | None
    output_usd_per_mtok: float | None


def target_rows(settings: Settings, environ: Mapping[str, str]) -> tuple[list[TargetRow], list[str]]:
    """A row a target, and sentences about abilities that are not in force. Raises `StartupError`.

    Names of abilities are not checked here, so that the list also shows one that is still to be calibrated.
    """
    from gateway.config import load_config

    loaded, config = load(settings.policy or SHIPPED_POLICY), load_config(settings.config)
    findings = [
        *(loaded.findings if isinstance(loaded, Refused) else ()),
        *(config if isinstance(config, list) else ()),
    ]
    if isinstance(loaded, Refused) or isinstance(config, list):
        raise StartupError(findings)
    base, placed = load_versions(settings)
    known = with_placed(base, placed).abilities
    own, refused = placed.of(base.version), placed.refused(base)
    # A worker is started by `pointsman serve`; the question here is what else has to be set.
    _, missing = Catalogue(config.upstreams, environ, settings.worker_url or "unix:///worker.sock").endpoints(
        loaded.policy
    )
    prices = read_table({t.model for t in loaded.policy.targets.values() if t.kind == "upstream"})
    rows = []
    for name, target in loaded.policy.targets.items():
        ability = ability_of(name, target, known)
        row = (name, target.kind, target.model, ability, _source(name, target, ability, own))
        rows.append(TargetRow(*row, missing.get(name), *_price(target, prices)))
    return rows, list(refused.values())


def print_targets(rows: Sequence[TargetRow], refused: Sequence[str]) -> None:
    """A table of the targets, and below it what is not in force."""
    table = Table(box=SIMPLE_HEAD)
    for heading in (
        "target",
        "kind",
        "model",
        "success predicted from",
        "to reach it",
        "$ per 1M tokens, in / out",
    ):
        table.add_column(heading, overflow="fold")
    for row in rows:
        ability = f"{row.ability}, {row.ability_from}" if row.ability else row.ability_from
        cells = (row.name, row.kind, row.model, ability, row.missing or _ready(row), _price_text(row))
        table.add_row(*map(escape, cells))
    console = _console()
    console.print(table)
    for sentence in refused:
        console.print(sentence, markup=False)


def print_placement(
    ability: PlacedAbility, placement: Placement, stored: Path | None, seconds: float
) -> None:
    """The held-out estimate beside its baselines, the nearest known models, and where the vector went."""
    console = _console()
    console.print(
        f"{ability.name}: {placement.examples} graded examples, {placement.acceptable:.0%} acceptable; "
        f"classifier {ability.classifier}; {seconds:.1f} s",
        markup=False,
    )
    table = Table(box=SIMPLE_HEAD)
    for heading in ("on examples not learnt from", "AUROC [95 %]", "calibration error", "log loss"):
        table.add_column(heading)
    for label, held_out in (
        ("placed by these examples (10-fold)", placement.placed),
        ("mean of the known models, no example seen", placement.prior),
        ("prompt length alone (10-fold)", placement.length),
    ):
        table.add_row(label, *_figures(held_out))
    console.print(table)
    for line in _sentences(ability, placement, stored):
        console.print(line, markup=False)


def placement_json(ability: PlacedAbility, placement: Placement, stored: Path | None) -> dict[str, Any]:
    """The same of JSON types only; a figure that is not defined is null."""
    figures = {key: value for key, value in asdict(placement).items() if key != "vector"}
    found: dict[str, Any] = plain(
        {**asdict(ability), **figures, "stored": None if stored is None else str(stored)}
    )
    return found


def _sentences(ability: PlacedAbility, placement: Placement, stored: Path | None) -> list[str]:
    gain, near = placement.gain, placement.nearest
    verdict = "better" if gain.low > 0 else "worse" if gain.high < 0 else "not distinguishable"
    lines = [
        f"Against the mean of the known models: log loss lower by {gain.value:.3f} "
        f"[{gain.low:.3f}, {gain.high:.3f}], so {verdict}. Perfect probabilities would show a calibration error "
        f"of about {placement.chance_error:.2f} on {placement.examples} examples.",
        f"Expected success on these requests {placement.success:.2f}: stronger than {placement.stronger_than} of "
        f"{placement.known_models} known models; nearest: "
        + ", ".join(f"{n.name} ({n.success:.2f}, differs by {n.difference:.2f})" for n in near),
    ]
    if verdict != "better":
        lines.append("More examples would show whether the placement helps.")
    if stored is None:
        return [*lines, "Nothing was stored (--dry-run)."]
    name = ability.name
    where = f"Stored in {stored}. In force when the gateway next starts, for the target `{name}` and for"
    return [*lines, f"{where} targets with `ability: {name}`."]


def _figures(held_out: HeldOut) -> tuple[str, str, str]:
    return _interval(held_out.auroc), f"{held_out.calibration_error:.3f}", f"{held_out.log_loss:.3f}"


def _interval(estimate: Estimate) -> str:
    if math.isnan(estimate.value):
        return "not defined: one grade only"
    return f"{estimate.value:.3f} [{estimate.low:.3f}, {estimate.high:.3f}]".replace("[", "\\[")


def _source(name: str, target: Target, ability: str | None, own: Mapping[str, PlacedAbility]) -> str:
    if ability is not None and ability in own:
        placed = own[ability]
        how = "its own name" if ability == name else "`ability:`"
        return f"placed {placed.date[:10]} from {placed.examples} examples, by {how}"
    if ability is not None:
        return f"known to the classifier, by {'its own name' if ability == name else '`ability:`'}"
    unknown = f"; `ability: {target.ability}` is not known" if target.ability else ""
    if target.kind == "local":
        return f"difficulty{unknown}"
    return f"a constant{unknown}"


def _ready(row: TargetRow) -> str:
    return "ready" if row.kind == "upstream" else "`pointsman serve` runs it"


def _price(target: Target, table: Mapping[str, Price]) -> tuple[float | None, float | None]:
    if target.price is not None:
        return target.price.input_usd_per_mtok, target.price.output_usd_per_mtok
    found = table.get(target.model)
    prices = (None, None) if found is None else (found.input_cost_per_token, found.output_cost_per_token)
    low, high = (None if price is None else round(price * 1e6, 6) for price in prices)
    return low, high


def _price_text(row: TargetRow) -> str:
    if row.kind != "upstream":
        return "CPU time, measured"
    if row.input_usd_per_mtok is None or row.output_usd_per_mtok is None:
        return "unknown"
    return f"{row.input_usd_per_mtok:g} / {row.output_usd_per_mtok:g}"


def _console() -> Console:
    """Standard output; wide enough for the tables where it is a file or a pipe."""
    plain = Console(highlight=False)
    return plain if plain.is_terminal else Console(width=max(plain.width, _WIDTH), highlight=False)
