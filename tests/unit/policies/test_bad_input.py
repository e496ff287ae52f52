"""Files made to break a reader: each is a clear finding, in bounded time and memory, and nothing raises."""

from __future__ import annotations

import time
import tracemalloc

import pytest

from policies.check import check_policy
from policies.facts import Facts
from policies.knowledge import Knowledge

HEAD = "version: 1\ntargets: {small: {kind: local, model: s}}\ndefault: {steps: [small]}\n"
HOSTILE: dict[str, tuple[str | bytes, str]] = {
    "bomb": (
        "a: &a [x, x]\nb: &b [*a, *a, *a, *a]\nc: [*b, *b, *b, *b]\n",
        "1:4 anchors and aliases are not allowed: `&a`",
    ),
    "recursive": ("&a\nrules: *a\n", "1:1 anchors and aliases are not allowed: `&a`"),
    "duplicate": (HEAD + "default: {steps: [small]}\n", "4:1 duplicate key `default`, first on line 3"),
    "large": (
        HEAD + "# " + "x" * 10_000_000,
        "1:1 the file has 10000081 bytes; at most 1000000 are read",
    ),
    "many": (HEAD + "tests: [" + "a, " * 30_000 + "]", "4:59955 more than 20000 values"),
    "tab": ("version: 1\n\ttargets: {}\n", "2:1 indented with a tab; use spaces"),
    "latin": (b"version: 1\n# caf\xe9\n", "2:6 not utf-8: byte `0xe9`"),
    "utf16": ("version: 1\n".encode("utf-16"), "1:1 not utf-8: byte `0xff`"),
    "version": (HEAD.replace("1\n", "7\n", 1), "1:10 unknown version `7`; this build reads `1`"),
    "deep": ("a: " + "[" * 50_000, "1:35 nested more than 32 levels deep"),
    "tag": ("!!python/object:os.system {}\n", "1:1 tags are not allowed: `tag:yaml.org,2002:python/object:os.system`"),
    "number": (
        HEAD + "rules: [{id: a, when: {tokens: {at_least: " + "9" * 5000 + "}}, then: {steps: [small]}}]",
        "4:43 not a number we read",
    ),
    "empty": ("", "1:1 the file is empty"),
    "two": (HEAD + "---\n" + HEAD, "4:1 more than one yaml document in the file"),
    "half": (HEAD[:-12], "3:"),
}  # fmt: skip


def _check(path):
    return check_policy(path, Knowledge(), lambda _: lambda request: Facts())


@pytest.mark.parametrize("name", sorted(HOSTILE))
def test_hostile_files_are_refused_in_little_time(name, tmp_path):
    """The finding says what is wrong and where, within seconds and without holding much."""
    content, expected = HOSTILE[name]
    path = tmp_path / "p.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    began = time.process_time()
    found = _check(path).findings
    assert time.process_time() - began < 5
    assert found[0].severity == "error"
    assert any(f"{f.line}:{f.column} {f.message}".startswith(expected) for f in found)


def test_a_large_file_is_never_held(tmp_path):
    """Of ten megabytes at most one is read."""
    (tmp_path / "p.yaml").write_bytes(b"#" * 10_000_000)
    tracemalloc.start()
    try:
        _check(tmp_path / "p.yaml")
        assert tracemalloc.get_traced_memory()[1] < 4_000_000
    finally:
        tracemalloc.stop()


def test_what_is_no_file_is_a_finding(tmp_path):
    """A folder, a missing file and a path that cannot be are told like any other finding."""
    for path in (tmp_path, tmp_path / "absent.yaml", tmp_path / "x\0y.yaml"):
        (finding,) = _check(path).findings
        assert finding.message.startswith("cannot be read: ")


@pytest.mark.parametrize(
    "rules",
    [
        "".join(
            f"  - {{id: r{i}, when: {{any: [{', '.join(f'{{tenant: t{j}, tools: true}}' for j in range(20))}]}}, "
            "then: {steps: [small]}}\n"
            for i in range(60)
        ),
        "".join(
            f"  - {{id: r{i}, when: {{tenant: '{'*a?' * 40}{i}'}}, then: {{steps: [small]}}}}\n" for i in range(60)
        ),
        f"  - {{id: r, when: {'{not: ' * 25}{{tools: true}}{'}' * 25}, then: {{steps: [small]}}}}\n",
    ],
    ids=["alternatives", "globs", "nested"],
)  # fmt: skip
def test_entangled_conditions_are_reasoned_about_in_bounded_time(rules, tmp_path):
    """Conditions made to blow up a search end at its budget, and the file is judged as far as that went."""
    (tmp_path / "p.yaml").write_text(HEAD + "rules:\n" + rules)
    began = time.process_time()
    checked = _check(tmp_path / "p.yaml")
    assert time.process_time() - began < 10
    assert checked.errors == 0
