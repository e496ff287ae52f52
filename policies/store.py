"""Loads a policy file: read, include, parse, validate, compile. Either everything holds, or all findings come back."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from policies.document import Document, UnreadableError, read_bytes, read_document
from policies.engine import CompiledPolicy, compile_policy
from policies.findings import Finding
from policies.include import assemble
from policies.parsing import parse_policy
from policies.validate import validate
from policies.variables import substitute

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from policies.labels import Labels
    from policies.model import Policy


@dataclass(frozen=True, slots=True)
class Loaded:
    """A policy that can serve."""

    source: str
    policy: Policy
    compiled: CompiledPolicy
    warnings: tuple[Finding, ...]
    document: Document
    """The plain data with line numbers, e.g. to say where a failing case stands."""
    text: str
    """The file as it was read."""
    files: tuple[Path, ...] = ()
    """What it includes: when one of these changes, so may the policy."""
    included: tuple[str, ...] = ()
    """What they say."""

    @property
    def version(self) -> str:
        """12 hex digits that name the content of the file; comments and layout do not change them."""
        return self.compiled.version


@dataclass(frozen=True, slots=True)
class Refused:
    """A policy that must not serve; `findings` has at least one error and every warning."""

    source: str
    findings: tuple[Finding, ...]
    policy: Policy | None = None
    """What it says, when its form was right and only its meaning was not."""
    document: Document | None = None
    files: tuple[Path, ...] = ()
    """What it includes, or would: when one of these changes, it may be sound."""


def load(path: Path, labels: Labels | None = None) -> Loaded | Refused:
    """The policy in the file at `path` and in what it includes; a file that cannot be read is a finding too."""
    source = str(path)
    content = read_file(path)
    if isinstance(content, Finding):
        return Refused(source, (content,))
    return loads(content, source, labels, folder=path.parent)


def read_file(path: Path) -> bytes | Finding:
    """At most `MAX_BYTES` of a file, or why it cannot be read."""
    try:
        return read_bytes(path)
    except UnreadableError as unreadable:
        return Finding("error", str(path), *unreadable.place, unreadable.message)


def loads(
    content: str | bytes,
    source: str = "<policy>",
    labels: Labels | None = None,
    *,
    folder: Path | None = None,
) -> Loaded | Refused:
    """The policy in `content`; `source` stands for the path in findings. Never raises on any content.

    With `labels` the names of tasks and domains are checked against what the classifier knows. What it includes is
    read from `folder`; without one it can include nothing.
    """
    try:
        document = read_document(content)
    except UnreadableError as unreadable:
        return _unreadable(source, unreadable)
    whole = assemble(document, source, folder)
    if whole.findings:
        return Refused(source, in_order(whole.findings, source), files=whole.files)
    document, problems = substitute(whole.document, source)
    policy = parse_policy(document, source)
    more = policy if isinstance(policy, list) else validate(policy, document, source, labels)
    # What is found about a reference that stands for nothing is about its name, which means nothing.
    unknown = {_place(finding) for finding in problems if finding.severity == "error"}
    findings = in_order([*problems, *(f for f in more if _place(f) not in unknown)], source)
    if isinstance(policy, list):
        return Refused(source, findings, files=whole.files)
    if any(finding.severity == "error" for finding in findings):
        return Refused(source, findings, policy, document, whole.files)
    text = content if isinstance(content, str) else content.decode("utf-8-sig")
    compiled = compile_policy(policy, content_version(policy), labels.releases if labels else None)
    return Loaded(source, policy, compiled, findings, document, text, whole.files, whole.texts)


def content_version(policy: Policy) -> str:
    """The first 12 hex digits of SHA-256 over what the file says, without comments and layout."""
    content = policy.model_dump_json(by_alias=True, exclude_unset=True)
    return hashlib.sha256(content.encode()).hexdigest()[:12]


def _unreadable(source: str, unreadable: UnreadableError) -> Refused:
    return Refused(source, (Finding("error", source, *unreadable.place, unreadable.message),))


def _place(finding: Finding) -> tuple[str, int, int]:
    return finding.path, finding.line, finding.column


def in_order(findings: Iterable[Finding], source: str = "") -> tuple[Finding, ...]:
    """Findings from the top to the bottom of each file, those in `source` before those in what it includes."""
    return tuple(sorted(findings, key=lambda f: (f.path != source, f.path, f.line, f.column, f.message)))
