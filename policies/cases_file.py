"""Cases in files of their own: `prod.cases.yaml` and `prod.NAME.cases.yaml` belong to `prod.yaml` beside them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from policies.document import UnreadableError, read_document
from policies.findings import Finding, quote
from policies.model_cases import CasesFile
from policies.parsing import parse_file
from policies.store import in_order, read_file
from policies.validate import case_problems, placed

if TYPE_CHECKING:
    from pathlib import Path

    from policies.document import Document
    from policies.model import Case, Policy

SUFFIX = ".cases.yaml"
MAX_FILES = 100


@dataclass(frozen=True, slots=True)
class CaseFile:
    """The cases of one file, with their places."""

    source: str
    cases: tuple[Case, ...]
    document: Document


def beside(policy: Path) -> list[Path]:
    """The files of cases that belong to a policy file, by name; at most `MAX_FILES`."""
    try:
        names = sorted(path.name for path in policy.parent.iterdir() if path.name.endswith(SUFFIX))
    except OSError:
        return []
    mine = [name for name in names if name == policy.stem + SUFFIX or name.startswith(policy.stem + ".")]
    return [policy.parent / name for name in mine[:MAX_FILES]]


def load_cases(path: Path, policy: Policy) -> CaseFile | tuple[Finding, ...]:
    """The cases in the file at `path`, or every finding about it; never raises on any content.

    Names of rules and targets are those of `policy`.
    """
    source = str(path)
    content = read_file(path)
    if isinstance(content, Finding):
        return (content,)
    try:
        document = read_document(content)
    except UnreadableError as unreadable:
        return (Finding("error", source, *unreadable.place, unreadable.message),)
    file = parse_file(CasesFile, document, source, "a file of cases")
    if isinstance(file, list):
        return in_order(file)
    problems = case_problems(file.tests, policy)
    if findings := [placed(problem, document, source) for problem in problems]:
        return in_order(findings)
    return CaseFile(source, file.tests, document)


def is_cases_file(path: Path) -> bool:
    """Whether the name says that this is no policy but a file of cases."""
    return path.name.endswith(SUFFIX)


def not_a_policy(path: Path) -> Finding:
    """What to say of a file of cases that stands where a policy should."""
    name = quote(path.name)
    return Finding("error", str(path), 1, 1, f"{name} holds cases; name the policy, and they are run with it")
