"""Loading files: what comes back, and what names a version."""

from __future__ import annotations

import pytest

from policies.store import Loaded, Refused, load, loads
from tests.unit.policies.build import DEFAULT, TARGETS, loaded


def test_load_reads_a_file(tmp_path):
    """A good file gives a policy that knows its path."""
    path = tmp_path / "policy.yaml"
    path.write_text(TARGETS + DEFAULT)
    result = load(path)
    assert isinstance(result, Loaded)
    assert result.source == str(path)
    assert list(result.compiled.targets) == ["sentiment", "small", "tiny", "mid", "large"]


@pytest.mark.parametrize("name", ["missing.yaml", "."])
def test_unreadable_path_is_a_finding(tmp_path, name):
    """A path that cannot be read is refused with the reason, not raised."""
    result = load(tmp_path / name)
    assert isinstance(result, Refused)
    assert result.findings[0].message.startswith("cannot be read: ")
    assert result.findings[0].path == str(tmp_path / name)


def test_file_too_large_says_its_size(tmp_path):
    """A file above the limit is not read to its end."""
    path = tmp_path / "policy.yaml"
    path.write_bytes(b"#" * 3_000_000)
    result = load(path)
    assert isinstance(result, Refused)
    assert result.findings[0].message == "the file has 3000000 bytes; at most 1000000 are read"


def test_finding_prints_like_a_compiler():
    """A finding as text starts with path, line and column, so that editors can jump to it."""
    result = loads(TARGETS + "rules: [{id: a, then: {steps: [smal]}}]\n" + DEFAULT, "p.yaml")
    assert isinstance(result, Refused)
    assert str(result.findings[0]) == (
        "p.yaml:9:32: error: unknown target `smal`; did you mean `small` (rule `a`)"
    )


def test_version_ignores_comments_and_layout():
    """The version names what the file says, not how it is written."""
    plain = loaded("default: {steps: [small], timeout_s: 5}")
    spread = loaded("# a comment\ndefault:\n  timeout_s: 5.0\n  steps:\n    - 'small'\n")
    assert plain.version == spread.version
    assert len(plain.version) == 12
    assert int(plain.version, 16) >= 0


def test_version_changes_with_content():
    """Any change of a value, or of an order that matters, is another version."""
    versions = {
        loaded(rest).version
        for rest in (
            "default: {steps: [small, mid]}",
            "default: {steps: [mid, small]}",
            "default: {steps: [small, mid], timeout_s: 5}",
            "aliases: {a*: mid, '*': small}\ndefault: {steps: [small, mid]}",
            "aliases: {'*': small, a*: mid}\ndefault: {steps: [small, mid]}",
        )
    }
    assert len(versions) == 5
