"""Runs the `tests:` of a policy: example requests and where they must go."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from policies.drawing import with_certain_draws
from policies.engine import compile_policy, decide
from policies.findings import Finding, quote

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from policies.cases_file import CaseFile
    from policies.decision import Decision
    from policies.facts import Facts
    from policies.model import Case, Expect, Message
    from policies.store import Loaded

    FactsFor = Callable[[str | Sequence[Message]], Facts]
    """Reads a prompt, or messages, and returns the facts of the default request with that text."""


@dataclass(frozen=True, slots=True)
class Failure:
    """One expectation that was not met."""

    message: str
    """What was expected, and what came instead."""
    why: str | None = None
    """Which check of which rule, or which property of which target, decided so."""

    def __str__(self) -> str:
        return f"{self.message}: {self.why}" if self.why else self.message


@dataclass(frozen=True, slots=True)
class CaseResult:
    """One case, the decision it got, and what it demanded in vain (empty when it passed)."""

    case: Case
    source: str
    line: int
    decision: Decision
    failures: tuple[Failure, ...]

    @property
    def passed(self) -> bool:
        """Whether every expectation of the case held."""
        return not self.failures


def run_cases(loaded: Loaded, facts_for: FactsFor, others: CaseFile | None = None) -> list[CaseResult]:
    """Decide every case of the policy, or of a file of `others`, in order.

    Cases judge the policy and not today's environment: every target counts as available. They are decided as without
    experiments; only `forbidden_target` has to hold whatever experiments and shadows draw.
    """
    where = loaded if others is None else others
    experiments = frozenset(experiment.id for experiment in loaded.policy.experiments)
    certain = compile_policy(with_certain_draws(loaded.policy), loaded.version, loaded.compiled.releases)
    results = []
    for index, case in enumerate(loaded.policy.tests if others is None else others.cases):
        facts = replace(case_facts(case, facts_for), ended=experiments)
        decision = decide(loaded.compiled, facts)
        drawn = [decide(certain, replace(facts, ended=experiments - {one})) for one in (None, *experiments)]
        line, _ = where.document.place(("tests", index))
        source = where.document.origin(("tests", index)) or where.source
        failures = tuple(_failures(case.expect, decision, drawn))
        results.append(CaseResult(case, source, line, decision, failures))
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


def case_findings(results: Sequence[CaseResult]) -> list[Finding]:
    """Failed cases as findings, for a command that prints both."""
    return [
        Finding("error", result.source, result.line, 1, f"test failed: {failure}", check="test")
        for result in results
        for failure in result.failures
    ]


def _failures(expect: Expect, decision: Decision, drawn: Sequence[Decision]) -> Iterator[Failure]:
    first = decision.plan.first
    if expect.rule is not None and decision.rule != expect.rule:
        message = f"expected rule {quote(expect.rule)}, got {quote(decision.rule)}"
        yield Failure(message, _why_not_rule(expect.rule, decision))
    if expect.target is not None and expect.target != first:
        got = quote(first) if first is not None else "no usable target"
        message = f"expected target {quote(expect.target)}, got {got}"
        yield Failure(message, _why_not_target(expect.target, decision))
    if (forbidden := expect.forbidden_target) is not None:
        by = next((d for d in (decision, *drawn) if forbidden in _recipients(d)), None)
        if by is not None:
            message = f"forbidden target {quote(forbidden)} {_part(forbidden, by)}"
            yield Failure(message, f"rule {quote(by.rule)} decided")


def _recipients(decision: Decision) -> set[str]:
    return {step.target for step in decision.plan.recipients}


def _why_not_rule(wanted: str, decision: Decision) -> str | None:
    """The check at which the rule that was expected failed, or that it was never asked."""
    for considered in decision.considered:
        if considered.rule == wanted and considered.checks:
            check = considered.checks[-1]
            if not check.passed:
                return f"{quote(wanted)} wants {check.fact} {check.expected}, and it is {quote(check.actual)}"
    took = next((considered for considered in decision.considered if considered.rule == decision.rule), None)
    if took is None:
        return None
    held = ", ".join(f"{check.fact} is {quote(check.actual)}" for check in took.checks[:3])
    return f"{quote(decision.rule)} stands before it and matched{f' ({held})' if held else ''}"


def _why_not_target(wanted: str, decision: Decision) -> str:
    for skipped in decision.plan.skipped:
        if skipped.target == wanted:
            return f"{quote(wanted)} was skipped, {skipped.reason}"
    steps = [step.target for step in decision.plan.steps]
    if wanted in steps:
        return f"rule {quote(decision.rule)} has it as step {steps.index(wanted) + 1}"
    return f"rule {quote(decision.rule)} decided"


def _part(target: str, decision: Decision) -> str:
    """What a target that the plan has is in it."""
    steps = [step.target for step in decision.plan.steps]
    if target in steps:
        tried = f" when experiment {quote(decision.experiment)} draws it" if decision.experiment else ""
        return f"is step {steps.index(target) + 1} of the plan{tried}"
    stages = [stage.step.target for stage in decision.plan.chain]
    if target in stages:
        return f"is stage {stages.index(target) + 1} of the chain"
    return "gets the request as a shadow"
