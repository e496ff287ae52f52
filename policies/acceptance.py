"""What `accept: {risk: r}` comes to for a target, told by whoever holds its graded answers. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from policies.findings import quote

if TYPE_CHECKING:
    from policies.model import Accept, Target


@dataclass(frozen=True, slots=True)
class Release:
    """From which confidence on a target's answers may be released, and what shows it."""

    risk: float
    """Most requests, as a share, that may get a wrong answer here."""
    level: float
    """Confidence that the bound holds."""
    threshold: float | None
    """The confidence from which on answers are released; None: none is."""
    rows: int = 0
    """Graded answers that were looked at; 0 where there are none."""
    needed: int = 0
    """Fewer rows than this show nothing, however good the target is."""
    released: int = 0
    """Rows at least that sure."""
    wrong: int = 0
    """Of these, the wrong ones."""
    silent: bool = False
    """It reports no confidence at all."""

    @property
    def words(self) -> str:
        """For an explanation: what is released and why, or why nothing is."""
        bound = f"risk {self.risk:g} at confidence {self.level:g}"
        if self.silent:
            return f"never accepted: a language model reports no confidence that could show {bound}"
        if not self.rows:
            return f"never accepted: no graded answers are known that could show {bound}"
        if self.rows < self.needed:
            few = f"n = {self.rows} rows are too few for {bound}"
            return f"never accepted: {few}; it takes {self.needed} or more"
        if self.threshold is None:
            return f"never accepted: of n = {self.rows} rows the surest are wrong too often for {bound}"
        share = f"{self.released / self.rows:.0%} of them released and {self.wrong} of these wrong"
        return f"released from {self.threshold:g}: {bound}, n = {self.rows} rows, {share}"


class Releases(Protocol):
    """What is known of the confidences of a deployment's targets."""

    def at(self, name: str, target: Target, risk: float, level: float) -> Release:
        """From which confidence on the answers of the target `name` may be released; raises nothing."""
        ...

    def highest(self, name: str, target: Target) -> float | None:
        """The highest confidence among its graded answers; None where there are none."""
        ...


class NothingGraded:
    """Nothing is known, so nothing that needs proof is released."""

    def at(self, name: str, target: Target, risk: float, level: float) -> Release:
        """No threshold."""
        return Release(risk, level, None)

    def highest(self, name: str, target: Target) -> float | None:
        """Unknown."""
        return None


def release(name: str, target: Target, accept: Accept, releases: Releases) -> Release | None:
    """What the risk of `accept` comes to for a local target; None where it asks for a confidence instead."""
    if accept.risk is None:
        return None
    if target.kind == "local":
        return Release(accept.risk, accept.confidence_level, None, silent=True)
    return releases.at(name, target, accept.risk, accept.confidence_level)


def what_to_do(name: str, target: Target) -> str:
    """What to do about a target without graded answers, for the end of a finding."""
    if target.kind == "local":
        return "name it in a plan without `accept`"
    command = f"pointsman targets confidences {name} --graded FILE"
    return f"grade some with `{command}`, or train {quote(target.model)} with a calibration split"
