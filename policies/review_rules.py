"""Warns of rules that nothing reaches, of alternatives and bounds that nothing meets, and of idle aliases."""

from __future__ import annotations

from typing import TYPE_CHECKING

from policies.findings import quote
from policies.model import AUTO, Range, When
from policies.reason.budget import Budget, TooEntangledError
from policies.reason.domain import defined
from policies.reason.formula import COUNTS, exactly, formula, matching, negation
from policies.reason.reach import reach
from policies.reason.sets import Numbers, numbers
from policies.reason.solve import satisfiable
from policies.validate_when import Problem, note, warning
from policies.wording import bounds

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from policies.document import Loc
    from policies.model import Policy
    from policies.reason.formula import Formula
    from policies.reason.reach import Verdict
    from policies.reason.sets import Values
    from policies.reason.solve import Domain

_POLICY_BUDGET, _QUESTION_BUDGET = 200_000, 20_000
_MOST_NAMED = 4


def rule_reviews(
    policy: Policy, possible: Domain, attainable: Mapping[str, tuple[float, float]]
) -> Iterator[Problem]:
    """Warnings about the conditions of each rule, and about rules that no request reaches."""
    budget = Budget(_POLICY_BUDGET)
    verdicts = reach(policy, possible)
    yield from _undecided(policy, verdicts)
    for index, (rule, verdict) in enumerate(zip(policy.rules, verdicts, strict=True)):
        loc: Loc = ("rules", index)
        unmet = list(_bounds(rule.when, (*loc, "when"), possible, attainable))
        yield from unmet
        if verdict.kind == "contradictory" and unmet:
            continue  # said already, with the reason
        if (message := _message(policy, index, verdict)) is not None:
            yield warning(loc, message, "reach")
        else:
            yield from _alternatives(rule.when, (*loc, "when"), possible, budget)


def _undecided(policy: Policy, verdicts: Sequence[Verdict]) -> Iterator[Problem]:
    """A note on rules of which it took too long to tell whether a request reaches them."""
    names = [
        quote(rule.id)
        for rule, verdict in zip(policy.rules, verdicts, strict=True)
        if verdict.kind == "unknown"
    ]
    if names:
        named = _listed(names) if len(names) <= _MOST_NAMED else f"{', '.join(names[:_MOST_NAMED])} ..."
        count = f"{len(names)} of {len(policy.rules)} rules"
        why = f"too entangled to tell whether a request reaches {count}: {named}; they may never be chosen"
        yield note(("rules",), why, "reach")


def alias_reviews(policy: Policy, possible: Domain) -> Iterator[Problem]:
    """Aliases whose names are all taken by targets or by earlier aliases."""
    budget = Budget(_POLICY_BUDGET)
    free: list[Formula] = [negation(exactly("model", (AUTO, *policy.targets)))]
    for glob in policy.aliases:
        matched = matching("model", (glob,))
        if not _may_hold([matched, *free], possible, budget):
            why = f"never used: every name that {quote(glob)} matches is a target or an earlier alias"
            yield warning(("aliases", glob), why, "reach", on_key=True)
        free.append(negation(matched))


def _message(policy: Policy, index: int, verdict: Verdict) -> str | None:
    rule = policy.rules[index]
    forbids = "; what it forbids still holds" if rule.then.forbid else ""
    if verdict.kind == "contradictory":
        keys = [quote(key) for key in verdict.keys]
        return f"never holds: no request meets {_listed(keys)}{' together' if len(keys) > 1 else ''}"
    if verdict.kind == "direct":
        return f"never chosen: targets and aliases that `model` names are answered before any rule{forbids}"
    if verdict.kind != "covered":
        return None
    names = [quote(policy.rules[other].id) for other in verdict.by]
    if len(names) == 1 and not _says_anything(policy.rules[verdict.by[0]].when):
        return f"never chosen: rule {names[0]} before it always matches{forbids}"
    if len(names) == 1:
        return f"never chosen: rule {names[0]} before it takes every request that it matches{forbids}"
    who = f"rules {_listed(names)}" if 1 < len(names) <= _MOST_NAMED else "the rules"
    return f"never chosen: {who} before it together take every request that it matches{forbids}"


def _says_anything(when: When) -> bool:
    return any(value is not None for _, value in when)


def _alternatives(when: When, loc: Loc, possible: Domain, budget: Budget) -> Iterator[Problem]:
    """Members of `any` that can never hold beside the rest of the condition."""
    rest = formula(when.model_copy(update={"any_": None}))
    for index, member in enumerate(when.any_ or ()):
        if not _may_hold([rest, formula(member)], possible, budget):
            yield warning((*loc, "any", index), "this alternative never holds", "reach")
    for index, member in enumerate(when.all_ or ()):
        yield from _alternatives(member, (*loc, "all", index), possible, budget)


def _may_hold(parts: list[Formula], possible: Domain, budget: Budget) -> bool:
    share = budget.share(_QUESTION_BUDGET)
    try:
        return satisfiable(parts, possible, share)
    except TooEntangledError:
        return True
    finally:
        budget.refund(share)


def _bounds(
    when: When, loc: Loc, possible: Domain, attainable: Mapping[str, tuple[float, float]]
) -> Iterator[Problem]:
    """Ranges that the classifier never reaches, and ranges that say nothing."""
    for fact, limits, at in _ranges(when, loc):
        holds, values = numbers(limits, whole=fact in COUNTS), possible(fact)
        if holds is None or not isinstance(values, Numbers) or not _meet(holds, defined(fact)):
            continue  # an error of its own
        if not _meet(holds, values):
            low, high = attainable[fact]
            given = (
                f"this classifier gives {low:.6g} to {high:.6g}" if low < high else f"it is always {low:.6g}"
            )
            why = f"never met: {quote(fact)} is never {bounds(limits)}; {given}"
            yield warning(at, why, "bounds")
        elif not _meet(holds.complement, values):
            yield warning(at, f"no effect: {quote(fact)} is always {bounds(limits)}", "bounds")


def _meet(one: Numbers | None, other: Values) -> bool:
    """Whether the two have a number in common, or both may be without one."""
    return one is not None and isinstance(other, Numbers) and one.meet(other, Budget(1)) is not None


def _ranges(when: When, loc: Loc) -> Iterator[tuple[str, Range, Loc]]:
    for name, value in when:
        if isinstance(value, Range):
            yield name, value, (*loc, name)
    for target, limits in (when.success or {}).items():
        yield f"success.{target}", limits, (*loc, "success", target)
    for key, members in (
        ("all", when.all_),
        ("any", when.any_),
        ("not", (when.not_,) if when.not_ else None),
    ):
        for index, member in enumerate(members or ()):
            yield from _ranges(member, (*loc, key) if key == "not" else (*loc, key, index))


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
