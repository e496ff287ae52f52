"""Says what `accept` comes to: from which confidence on, proved by what, and where nothing is ever released."""

from __future__ import annotations

from typing import TYPE_CHECKING

from policies.acceptance import release, what_to_do
from policies.findings import quote
from policies.validate_when import Problem, note, warning

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policies.acceptance import Releases
    from policies.document import Loc
    from policies.model import Accept, Policy


def accept_reviews(policy: Policy, releases: Releases) -> Iterator[Problem]:
    """A warning for each step that never passes its `accept`, and a note for each whose risk is proved."""
    plans: list[tuple[Loc, Accept | None, tuple[str, ...]]] = [
        (("rules", index, "then"), rule.then.accept, rule.then.targets)
        for index, rule in enumerate(policy.rules)
    ]
    plans.append((("default",), policy.default.accept, policy.default.targets))
    for loc, accept, names in plans:
        for name in dict.fromkeys(names):
            target = policy.targets.get(name)
            if accept is not None and target is not None and target.kind != "upstream":
                yield from _step(policy, name, accept, releases, loc)


def _step(policy: Policy, name: str, accept: Accept, releases: Releases, loc: Loc) -> Iterator[Problem]:
    target = policy.targets[name]
    if (found := release(name, target, accept, releases)) is not None:
        at = (*loc, "accept", "risk")
        if found.threshold is not None:
            yield note(at, f"{quote(name)} is {found.words}", "risk")
        else:
            hint = "" if found.rows else f"; {what_to_do(name, target)}"
            yield warning(at, f"{quote(name)} is {found.words}{hint}", "risk")
        return
    highest = releases.highest(name, target)
    if highest is not None and accept.confidence is not None and accept.confidence > highest:
        why = f"{quote(name)} was never that sure: the highest confidence of its graded answers is {highest:.4g}"
        yield warning((*loc, "accept", "confidence"), why, "risk")
