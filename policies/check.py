"""Everything that can be said about a policy file before it serves, in one go."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from policies.cases import case_findings, run_cases
from policies.cases_file import CaseFile, beside, is_cases_file, load_cases, not_a_policy
from policies.review import review
from policies.store import Loaded, Refused, in_order, load
from policies.validate import placed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from policies.cases import CaseResult, FactsFor
    from policies.findings import Finding, Severity
    from policies.knowledge import Knowledge

    Reader = Callable[[Loaded], FactsFor]
    """How a prompt looks to a policy, e.g. with its targets' success and prices."""


@dataclass(frozen=True, slots=True)
class Checked:
    """A policy file with every finding about it and about the cases beside it."""

    source: str
    findings: tuple[Finding, ...]
    results: tuple[CaseResult, ...] = ()
    """Every case that was run; none of a policy with errors."""
    loaded: Loaded | None = None
    """The policy, if nothing is wrong with it but perhaps its cases."""

    @property
    def errors(self) -> int:
        """How many findings are errors."""
        return self._count("error")

    @property
    def warnings(self) -> int:
        """How many are warnings."""
        return self._count("warning")

    @property
    def notes(self) -> int:
        """How many only tell something."""
        return self._count("note")

    def _count(self, severity: Severity) -> int:
        return sum(finding.severity == severity for finding in self.findings)


def check_policy(path: Path, knowledge: Knowledge, reader: Reader) -> Checked:
    """Form, names, reach, plans and cases of the policy at `path`; never raises on any content."""
    if is_cases_file(path):
        return Checked(str(path), (not_a_policy(path),))
    return check_loaded(load(path, knowledge.labels), beside(path), knowledge, reader)


def check_loaded(
    found: Loaded | Refused, files: Iterable[Path], knowledge: Knowledge, reader: Reader
) -> Checked:
    """The same of a policy as it was loaded, with the cases in these files."""
    if isinstance(found, Refused):
        return Checked(
            found.source, in_order([*found.findings, *_reviewed_refused(found, knowledge)], found.source)
        )
    reviewed = [placed(problem, found.document, found.source) for problem in review(found.policy, knowledge)]
    loaded = replace(found, warnings=in_order([*found.warnings, *reviewed], found.source))
    findings, results = run_all(loaded, files, reader(loaded))
    return Checked(found.source, (*loaded.warnings, *findings), results, loaded)


def run_all(
    loaded: Loaded, files: Iterable[Path], facts_for: FactsFor
) -> tuple[tuple[Finding, ...], tuple[CaseResult, ...]]:
    """The cases of a policy and of these files: findings about them, and what became of each."""
    findings: list[Finding] = []
    results: list[CaseResult] = list(run_cases(loaded, facts_for))
    for path in files:
        cases = load_cases(path, loaded.policy)
        if isinstance(cases, CaseFile):
            results += run_cases(loaded, facts_for, cases)
        else:
            findings += cases
    return (*findings, *_failed(results)), tuple(results)


def _reviewed_refused(found: Refused, knowledge: Knowledge) -> Iterable[Finding]:
    """Warnings about a policy that has errors; where a name is wrong, its rule is not said to be out of reach."""
    if found.policy is None or found.document is None:
        return
    wrong = {finding.rule for finding in found.findings if finding.severity == "error"}
    for problem in review(found.policy, knowledge):
        finding = placed(problem, found.document, found.source)
        if finding.check != "reach" or finding.rule not in wrong:
            yield finding


def _failed(results: Sequence[CaseResult]) -> tuple[Finding, ...]:
    return tuple(case_findings(results))
