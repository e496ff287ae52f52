"""Runs the `tests:` of a policy: example requests and where they must go."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from policies.engine import decide
from policies.findings import Finding, quote

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from policies.decision import Decision
    from policies.facts import Facts
    from policies.model import Case, Expect, Message
    from policies.store import Loaded

    FactsFor = Callable[[str | Sequence[Message]], Facts]
    """Reads a prompt, or messages, and returns the facts of the default request with that text."""


@dataclass(frozen=True, slots=True)
class CaseResult:
    """One case, the decision it got, and what it demanded in vain (empty when it passed)."""

    case: Case
    line: int
    decision: Decision
    failures: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether every expectation of the case held."""
        return not self.failures


def run_cases(loaded: Loaded, facts_for: FactsFor) -> list[CaseResult]:
    """Decide every case of the policy, in order.

    Cases judge the policy and not today's environment: every target counts as available.
    """
    results = []
    for index, case in enumerate(loaded.policy.tests):
        decision = decide(loaded.compiled, case_facts(case, facts_for))
        line, _ = loaded.document.place(("tests", index))
        results.append(CaseResult(case, line, decision, tuple(_failures(case.expect, decision))))
    return results


def case_facts(case: Case, facts_for: FactsFor) -> Facts:
    """The facts of a case: what `facts_for` reads in its text, and what the case says itself."""
    facts = facts_for(case.prompt if case.prompt is not None else case.messages or ())
    return replace(
        facts,
        model=case.model,
        tools=case.tools,
        tenant=case.tenant if case.tenant is not None else facts.tenant,
        metadata={**facts.metadata, **case.metadata},
        headers={**facts.headers, **{name.lower(): value for name, value in case.headers.items()}},
        unavailable={},
    )


def case_findings(results: Sequence[CaseResult], source: str) -> list[Finding]:
    """Failed cases as findings, for a command that prints both."""
    return [
        Finding("error", source, result.line, 1, f"test failed: {failure}")
        for result in results
        for failure in result.failures
    ]


def _failures(expect: Expect, decision: Decision) -> list[str]:
    first = decision.plan.first
    recipients = [step.target for step in decision.plan.recipients]
    failures = []
    if expect.rule is not None and decision.rule != expect.rule:
        failures.append(f"expected rule {quote(expect.rule)}, got {quote(decision.rule)}")
    if expect.target is not None and expect.target != first:
        got = quote(first) if first is not None else "no usable target"
        failures.append(f"expected target {quote(expect.target)}, got {got}")
    if expect.forbidden_target is not None and expect.forbidden_target in recipients:
        failures.append(
            f"forbidden target {quote(expect.forbidden_target)} {_part(expect.forbidden_target, decision)}"
        )
    return failures


def _part(target: str, decision: Decision) -> str:
    """What a target that the plan has is in it."""
    steps = [step.target for step in decision.plan.steps]
    if target in steps:
        return f"is step {steps.index(target) + 1} of the plan"
    stages = [stage.step.target for stage in decision.plan.chain]
    if target in stages:
        return f"is stage {stages.index(target) + 1} of the chain"
    return "gets the request as a shadow"
