"""Loads a policy file: read, parse, validate, compile. Either everything holds, or all findings come back."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from policies.document import MAX_BYTES, Document, UnreadableError, read_document
from policies.engine import CompiledPolicy, compile_policy
from policies.findings import Finding
from policies.parsing import parse_policy
from policies.validate import validate

if TYPE_CHECKING:
    from collections.abc import Iterable

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


def shipped(name: str = "default") -> Path:
    """Where the shipped policy of this name lies."""
    return Path(__file__).parent / "library" / f"{name}.yaml"


def load(path: Path, labels: Labels | None = None) -> Loaded | Refused:
    """The policy in the file at `path`; a file that cannot be read is a finding too."""
    source = str(path)
    content = read_file(path)
    return Refused(source, (content,)) if isinstance(content, Finding) else loads(content, source, labels)


def read_file(path: Path) -> bytes | Finding:
    """At most `MAX_BYTES` of a file, or why it cannot be read."""
    source = str(path)
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
            size = len(content) if len(content) <= MAX_BYTES else path.stat().st_size
    except (OSError, ValueError) as error:  # a path with a zero byte is a ValueError
        reason = (getattr(error, "strerror", None) or str(error) or type(error).__name__).lower()
        return Finding("error", source, 1, 1, f"cannot be read: {reason}")
    if size > MAX_BYTES:
        return Finding("error", source, 1, 1, f"the file has {size} bytes; at most {MAX_BYTES} are read")
    return content


def loads(content: str | bytes, source: str = "<policy>", labels: Labels | None = None) -> Loaded | Refused:
    """The policy in `content`; `source` stands for the path in findings. Never raises on any content.

    With `labels` the names of tasks and domains are checked against what the classifier knows.
    """
    try:
        document = read_document(content)
    except UnreadableError as unreadable:
        line, column = unreadable.place
        return Refused(source, (Finding("error", source, line, column, unreadable.message),))
    policy = parse_policy(document, source)
    if isinstance(policy, list):
        return Refused(source, in_order(policy))
    findings = in_order(validate(policy, document, source, labels))
    if any(finding.severity == "error" for finding in findings):
        return Refused(source, findings, policy, document)
    text = content if isinstance(content, str) else content.decode("utf-8-sig")
    return Loaded(source, policy, compile_policy(policy, content_version(policy)), findings, document, text)


def content_version(policy: Policy) -> str:
    """The first 12 hex digits of SHA-256 over what the file says, without comments and layout."""
    content = policy.model_dump_json(by_alias=True, exclude_unset=True)
    return hashlib.sha256(content.encode()).hexdigest()[:12]


def in_order(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Findings of one file from its top to its bottom."""
    return tuple(sorted(findings, key=lambda f: (f.line, f.column, f.message)))
