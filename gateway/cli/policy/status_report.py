"""What `pointsman policy status` reads, and how it says it in 80 columns."""

from __future__ import annotations

import datetime
import textwrap
from typing import TYPE_CHECKING, Any

import msgspec

from gateway.experiments.definition import Definition
from gateway.experiments.reading import Reader
from gateway.pacing.pacer import Pacing
from gateway.records.ledger import STARTED, STOPPED, Ledger
from gateway.records.pacing import PacingStore

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.ext.asyncio import AsyncEngine

    from gateway.experiments.comparison import Evidence, Measure
    from gateway.records.ledger import Event, Known
    from gateway.records.pacing import Shared

_WIDTH = 78


class Shown(msgspec.Struct, frozen=True):
    """One experiment with its evidence. `stopped` is the event that ended it."""

    known: Known
    definition: Definition
    evidence: Evidence
    in_force: bool
    stopped: Event | None


class Status(msgspec.Struct, frozen=True):
    """Everything that is shown."""

    at: float
    serving: tuple[str, ...]
    """The policy of each running gateway process."""
    experiments: tuple[Shown, ...]
    hidden: int
    """Experiments of other policies that were left out."""
    limits: Shared | None
    events: tuple[Event, ...]


async def read(engine: AsyncEngine, now: float, *, everything: bool) -> Status:
    """The status by the database alone; raises `LedgerUnusable` and `PacingUnusable`."""
    ledger = Ledger(engine)
    serving = tuple(await ledger.serving(now))
    known = await ledger.known()
    current = {each.digest for each in await ledger.in_force(now)}
    shown = [each for each in known if everything or each.digest in current]
    definitions = {each.digest: msgspec.convert(each.definition, Definition) for each in shown}
    comparisons = await Reader(ledger).read(definitions)
    events = await ledger.events(500)
    stops = {event.definition: event for event in events if event.kind == STOPPED}
    experiments = tuple(
        Shown(
            each,
            definitions[each.digest],
            comparisons[each.digest].evidence(),
            each.digest in current,
            stops.get(each.digest),
        )
        for each in shown
    )
    limits = await PacingStore(engine).read()
    recent = tuple(event for event in events if event.kind != STARTED)[:10]
    return Status(now, serving, experiments, len(known) - len(shown), limits, recent)


def to_json(status: Status) -> dict[str, Any]:
    """The status as plain data; times are Unix seconds."""
    found: dict[str, Any] = msgspec.to_builtins(status)
    return found


def lines(status: Status) -> Iterator[str]:
    """The status as text."""
    gateways = len(status.serving)
    policies = ", ".join(sorted(set(status.serving)))
    running = f"{gateways} gateway process{'es' if gateways != 1 else ''}, policy {policies}"
    yield f"{_time(status.at)}  {running if gateways else 'no gateway is running'}"
    for shown in status.experiments:
        yield ""
        yield from _experiment(shown)
    if not status.experiments:
        yield ""
        yield "No experiments in force."
    if status.hidden:
        yield f"({status.hidden} more of other policies: --all)"
    if status.limits is not None and status.limits.state:
        yield ""
        yield from _limits(status.limits, msgspec.convert(status.limits.state, Pacing, strict=False))
    if status.events:
        yield ""
        yield "Events"
        for event in status.events:
            yield from _wrapped(f"  {_time(event.at)}  {event.kind}: {event.experiment}: {event.reason}", 4)


def _experiment(shown: Shown) -> Iterator[str]:
    definition, evidence = shown.definition, shown.evidence
    arms = f", {definition.control} -> {definition.treatment}" if definition.control else ""
    sticky = f", by {definition.sticky}" if definition.compares else ""
    yield from _wrapped(f"{definition.id}: {definition.kind}{arms}, share {shown.known.share:g}{sticky}", 4)
    yield from _wrapped(f"  {_verdict(shown)}", 4)
    counts = ", ".join(_count(evidence, arm) for arm in sorted(evidence.requests))
    cap = f" of ${definition.max_usd:g}" if definition.max_usd is not None else ""
    unpriced = f" ({evidence.unpriced} answers without a price)" if evidence.unpriced else ""
    spent = f"${evidence.treated_usd:.4g} spent by what it drew{cap}{unpriced}"
    yield from _wrapped(f"  since {_time(shown.known.since)}: {counts or 'no requests yet'}; {spent}", 4)
    if evidence.measures:
        sure = f"difference, {100 * definition.confidence:g} % sure"
        yield f"  {'':<13}{'control':>16}{'treatment':>16}   {sure}"
        yield from (_measure(measure) for measure in evidence.measures)


def _count(evidence: Evidence, arm: str) -> str:
    failures = evidence.failures.get(arm, 0)
    return f"{evidence.requests[arm]:,} {arm}" + (f" ({failures:,} failed)" if failures else "")


def _verdict(shown: Shown) -> str:
    if shown.stopped is not None:
        return f"STOPPED {_time(shown.stopped.at)}: {shown.stopped.reason}"
    if not shown.in_force:
        return f"not in force; last under policy {shown.known.policy_version}"
    words = {"running": "running", "not inferior": "MAY BE PROMOTED"}
    return f"{words.get(shown.evidence.verdict, 'about to stop')}: {shown.evidence.reason}"


def _measure(measure: Measure) -> str:
    interval = "too few yet"
    if measure.low is not None and measure.high is not None:
        interval = f"{_figure(measure.low, sign='+')} to {_figure(measure.high, sign='+')}"
    name = f"{measure.name}, {measure.unit}" if measure.unit in ("USD", "ms") else measure.name
    control, treatment = (
        f"{_figure(mean)} ({count:,})"
        for mean, count in ((measure.control, measure.control_n), (measure.treatment, measure.treatment_n))
    )
    return f"  {name:<13}{control:>16}{treatment:>16}   {interval}"


def _limits(shared: Shared, state: Pacing) -> Iterator[str]:
    yield "Limits"
    if state.usd_per_day is not None:
        price = f"one USD must buy {shared.shadow_usd:.4g} of success" if shared.shadow_usd else "slack"
        yield f"  ${state.spent_usd:.4g} of ${state.usd_per_day:g} spent on {_time(state.at)[:10]} (UTC); {price}"
    if state.latency_p95_ms is not None:
        price = f"one second must buy {shared.shadow_s:.4g} of success" if shared.shadow_s else "slack"
        yield f"  95 % of first pieces within {state.latency_p95_ms:g} ms; {price}"


def _figure(value: float | None, sign: str = "") -> str:
    if value is None:
        return "-"
    return f"{value:{sign}.0f}" if abs(value) >= 100 else f"{value:{sign}.3g}"


def _time(at: float) -> str:
    return datetime.datetime.fromtimestamp(at, datetime.UTC).strftime("%Y-%m-%d %H:%MZ")


def _wrapped(text: str, indent: int) -> list[str]:
    return textwrap.wrap(text, _WIDTH, subsequent_indent=" " * indent, break_on_hyphens=False)
