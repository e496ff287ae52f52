"""Laws of reading: any text gives a policy or findings, and never an exception."""

from __future__ import annotations

import json

from hypothesis import example, given
from hypothesis import strategies as st

from policies.document import read_document
from policies.patterns import glob_matcher
from policies.store import Loaded, Refused, content_version, loads
from tests.property.policies.strategies import law, policies

_FRAGMENTS = [
    "version: 1\n", "targets:\n", "  small: {kind: local, model: s}\n", "default: {steps: [small]}\n",
    "rules:\n", "  - {id: a, when: {", "pii: {at_least: 0.5}", "}, then: {steps: [small]}}\n", "tests:\n",
    "- ", "? ", ": ", "{", "}", "[", "]", ",", "&a ", "*a", "!x ", "|\n", ">-\n", "'", '"', "\\ud800", "#",
    "\t", "\n", "  ", "---\n", "...\n", "%YAML 1.1\n", "<<: ", "~", ".nan", "1e999", "0x", "@", "`", "\x00",
    "\ufeff", "\u2028", "é",
]  # fmt: skip
texts = st.one_of(st.text(max_size=200), st.lists(st.sampled_from(_FRAGMENTS), max_size=25).map("".join))
# Line separators inside quotes are folded by YAML and kept by JSON.
_words = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Zl", "Zp"]), max_size=10)
plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | _words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_words, inner, max_size=3),
    max_leaves=15,
)


@law
@given(texts)
@example('version: 1\n"\\ud800": 1\ndefault: {steps: ["\\udfff"]}')
@example("version: 1\ntargets: {a: {kind: local, model: m, timeout_s: " + "9" * 4000 + "}}\ndefault: 1")
def test_any_text_is_loaded_or_refused(text):
    """Whatever stands in a file, the answer is a policy or at least one printable finding inside the file."""
    result = loads(text)
    if isinstance(result, Refused):
        assert any(finding.severity == "error" for finding in result.findings)
        for finding in result.findings:
            str(finding).encode()
            assert finding.line >= 1
            assert finding.column >= 1
            assert "\n" not in str(finding)


@law
@given(st.binary(max_size=100))
def test_any_bytes_are_loaded_or_refused(content):
    """Bytes that are no text are refused like any other file."""
    assert isinstance(loads(content), (Loaded, Refused))


@law
@given(plain)
def test_json_is_read_as_json_means(data):
    """JSON is YAML, and its data is read as what it says."""
    text = json.dumps({"data": data}, ensure_ascii=False)
    assert read_document(text).data == {"data": data}


@law
@given(policies())
def test_policies_survive_yaml(policy):
    """A policy written as JSON, which is YAML too, and loaded again is the same with the same version."""
    result = loads(policy.model_dump_json(by_alias=True, exclude_unset=True))
    if isinstance(result, Loaded):
        assert result.policy == policy
        assert result.version == content_version(policy)


@law
@given(st.text("ab.", max_size=12), st.lists(st.sampled_from(["a", "b", ".", "*", "?"]), max_size=8))
def test_globs_mean_what_their_parts_mean(text, parts):
    """A glob matches exactly if its parts can be laid along the text one after another."""

    def fits(rest: str, parts: list[str]) -> bool:
        if not parts:
            return not rest
        if parts[0] == "*":
            return any(fits(rest[cut:], parts[1:]) for cut in range(len(rest) + 1))
        return bool(rest) and parts[0] in ("?", rest[0]) and fits(rest[1:], parts[1:])

    assert glob_matcher(["".join(parts)])(text) is fits(text, parts)
