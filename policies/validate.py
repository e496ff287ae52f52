"""Checks what a policy means, apart from its form: names that exist, plans that can run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from policies.decision import TASK_PREFIX
from policies.engine import RESERVED_IDS
from policies.findings import Finding, quote
from policies.labels import Labels
from policies.model import AUTO
from policies.parsing import rule_at
from policies.validate_experiment import experiment_problems
from policies.validate_plan import KINDS, plan_problems
from policies.validate_when import Problem, unknown, when_problems

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from policies.document import Document, Loc
    from policies.model import Case, Expect, Policy, Target


def validate(policy: Policy, document: Document, source: str, labels: Labels | None = None) -> list[Finding]:
    """Every finding about `policy`, with the places that `document` knows."""
    return [placed(problem, document, source) for problem in _problems(policy, labels or Labels())]


def placed(problem: Problem, document: Document, source: str) -> Finding:
    """A problem as a finding, where `document` has it."""
    line, column = document.place(problem.loc, key=problem.on_key)
    rule = rule_at(document, problem.loc)
    message = problem.message + document.variable(problem.loc)
    path = document.origin(problem.loc) or source
    return Finding(problem.severity, path, line, column, message, rule, problem.check)


def _problems(policy: Policy, labels: Labels) -> Iterator[Problem]:
    for name, target in policy.targets.items():
        yield from _target(name, target, labels)
    if policy.baseline is not None:
        yield from unknown(policy.baseline, policy.targets, ("baseline",), "target")
    for glob, name in policy.aliases.items():
        if glob in policy.targets or glob == AUTO:
            yield Problem(
                ("aliases", glob), f"{quote(glob)} is a name of its own and never an alias", on_key=True
            )
        yield from unknown(name, (AUTO, *policy.targets), ("aliases", glob), "target")
    for index, rule in enumerate(policy.rules):
        loc: Loc = ("rules", index)
        yield from when_problems(rule.when, policy, labels, (*loc, "when"))
        yield from plan_problems(rule.then, policy, (*loc, "then"))
    yield from plan_problems(policy.default, policy, ("default",))
    yield from _ids(policy)
    yield from experiment_problems(policy)
    yield from case_problems(policy.tests, policy)


def _target(name: str, target: Target, labels: Labels) -> Iterator[Problem]:
    loc: Loc = ("targets", name)
    if name in KINDS or name == AUTO or name.startswith(TASK_PREFIX):
        yield Problem(loc, f"{quote(name)} has a meaning of its own and cannot name a target", on_key=True)
    provider, _, model = target.model.partition("/")
    if target.kind == "upstream" and not (provider and model):
        yield Problem(
            (*loc, "model"),
            f"the model of an upstream is `provider/model`, and {quote(target.model)} names no provider",
        )
    if target.ability is not None and labels.abilities:
        yield from unknown(target.ability, sorted(labels.abilities), (*loc, "ability"), "ability")


def _ids(policy: Policy) -> Iterator[Problem]:
    first: dict[str, int] = {}
    for index, rule in enumerate(policy.rules):
        loc: Loc = ("rules", index, "id")
        if rule.id in RESERVED_IDS:
            yield Problem(loc, f"{quote(rule.id)} is the id of decisions that no rule made; take another")
        if rule.id in first:
            yield Problem(loc, f"rule id {quote(rule.id)} is already that of rule {first[rule.id] + 1}")
        first.setdefault(rule.id, index)


def case_problems(cases: Sequence[Case], policy: Policy) -> Iterator[Problem]:
    """Names in the expectations of `tests` that the policy does not have."""
    for index, case in enumerate(cases):
        yield from _expect(case.expect, policy, ("tests", index, "expect"))


def _expect(expect: Expect, policy: Policy, loc: Loc) -> Iterator[Problem]:
    if expect.rule is not None:
        ids = (*(rule.id for rule in policy.rules), *sorted(RESERVED_IDS))
        yield from unknown(expect.rule, ids, (*loc, "rule"), "rule")
    for field_name in ("target", "forbidden_target"):
        if (name := getattr(expect, field_name)) is not None:
            yield from unknown(name, policy.targets, (*loc, field_name), "target")
