"""Policies in several files: what comes first, where findings point, and what is refused."""

from __future__ import annotations

import pytest

from policies.document import MAX_VALUES
from policies.include import MAX_FILES
from policies.store import Loaded, Refused, load, loads

TARGETS = "targets: {small: {kind: local, model: s}, mid: {kind: upstream, model: openai/m}}\n"
RULE = "  - {{id: {id}, when: {{tenant: {id}}}, then: {{steps: [small]}}}}\n"


def _rule(name: str) -> str:
    return RULE.format(id=name)


def _write(folder, files: dict[str, str]):
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder / "policy.yaml"


def _load(folder, files: dict[str, str]):
    return load(_write(folder, files))


def _findings(folder, files: dict[str, str]) -> list[str]:
    result = _load(folder, files)
    assert isinstance(result, Refused)
    return [str(finding).removeprefix(f"{folder}/") for finding in result.findings]


WHOLE = {
    "policy.yaml": (
        "version: 1\ninclude: [shared/targets.yaml, shared/rules.yaml]\n"
        f"rules:\n{_rule('own')}default: {{steps: [mid]}}\n"
    ),
    "shared/targets.yaml": TARGETS,
    "shared/rules.yaml": f"include: more.yaml\nrules:\n{_rule('one')}{_rule('two')}",
    "shared/more.yaml": f"rules:\n{_rule('deep')}tests:\n  - {{prompt: x, expect: {{rule: default}}}}\n",
}


def test_included_rules_come_first(tmp_path):
    """Depth first and in the order of `include`: as if every file stood in front of the one that names it."""
    result = _load(tmp_path, WHOLE)
    assert isinstance(result, Loaded)
    assert [rule.id for rule in result.policy.rules] == ["deep", "one", "two", "own"]
    assert len(result.policy.tests) == 1
    assert [path.name for path in result.files] == ["targets.yaml", "rules.yaml", "more.yaml"]


def test_the_version_is_of_the_whole(tmp_path):
    """It changes with an included file, and not with the way in which the same content is cut into files."""
    before = _load(tmp_path, WHOLE).version
    assert _load(tmp_path, {"shared/rules.yaml": WHOLE["shared/rules.yaml"] + _rule("new")}).version != before
    text = f"version: 1\n{TARGETS}rules:\n" + "".join(map(_rule, ("deep", "one", "two", "own")))
    one = loads(text + "default: {steps: [mid]}\ntests:\n  - {prompt: x, expect: {rule: default}}\n")
    assert one.policy == _load(tmp_path, WHOLE).policy


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        (
            {"shared/more.yaml": "rules:\n  - {id: deep, when: {tools: true}, then: {steps: [smal]}}\n"},
            "shared/more.yaml:2:52: error: unknown target `smal`; did you mean `small` (rule `deep`)",
        ),
        (
            {
                "shared/rules.yaml": f"rules:\n{_rule('one')}  - {{id: two, then: {{steps: [small]}}, whn: {{}}}}\n"
            },
            "shared/rules.yaml:3:39: error: unknown key `whn`; did you mean `when` (rule `two`)",
        ),
        (
            {"shared/more.yaml": "default: {steps: [mid]}\n"},
            "shared/more.yaml:1:1: error: `default` belongs in the policy itself, not in a file that it includes",
        ),
        (
            {"shared/more.yaml": "rule: []\n"},
            "shared/more.yaml:1:1: error: unknown key `rule`; did you mean `rules`",
        ),
        ({"shared/more.yaml": "rules: {}\n"}, "shared/more.yaml:1:1: error: `rules` should be a list"),
        ({"shared/more.yaml": "- a\n"}, "shared/more.yaml:1:1: error: an included file is a mapping"),
        (
            {"shared/more.yaml": "version: 2\n"},
            "shared/more.yaml:1:10: error: unknown version `2`; this build reads `1`",
        ),
        (
            {"shared/more.yaml": "a: &x 1\n"},
            "shared/more.yaml:1:4: error: anchors and aliases are not allowed: `&x`",
        ),
        (
            {"shared/more.yaml": "include: rules.yaml\n"},
            "shared/more.yaml:1:10: error: `rules.yaml` includes itself, by `shared/more.yaml` and `shared/rules.yaml`",
        ),
        (
            {"shared/more.yaml": "include: ../../etc.yaml\n"},
            "shared/more.yaml:1:10: error: `../../etc.yaml` lies outside of the folder of the policy",
        ),
        (
            {"shared/more.yaml": "include: /etc/passwd\n"},
            "shared/more.yaml:1:10: error: `/etc/passwd` lies outside of the folder of the policy",
        ),
        (
            {"shared/more.yaml": "include: nowhere.yaml\n"},
            "shared/more.yaml:1:10: error: `shared/nowhere.yaml` cannot be read: no such file or directory",
        ),
        (
            {"shared/more.yaml": "targets:\n  small: {kind: local, model: other}\n"},
            "shared/more.yaml:2:3: error: `small` is already one of the targets, in {}/shared/targets.yaml:1",
        ),
    ],
)
def test_findings_point_into_the_included_file(tmp_path, changed, expected):
    """Whatever is wrong in an included file is said with its path, line and column."""
    assert _findings(tmp_path, WHOLE | changed) == [expected.replace("{}/", f"{tmp_path}/")]


def test_a_file_on_two_ways_counts_once(tmp_path):
    """Two files may need the same third one."""
    files = {
        "policy.yaml": "version: 1\ninclude: [a.yaml, b.yaml]\ndefault: {steps: [small]}\n",
        "a.yaml": "include: t.yaml\n",
        "b.yaml": "include: t.yaml\n",
        "t.yaml": TARGETS,
    }
    assert isinstance(_load(tmp_path, files), Loaded)


def test_text_that_stands_alone_includes_nothing():
    """A policy that comes over the network cannot read files of the gateway's host."""
    result = loads("version: 1\ninclude: x.yaml\ndefault: {steps: [small]}\n")
    assert isinstance(result, Refused)
    assert [finding.message for finding in result.findings] == [
        "`include` needs a policy in a file; this text stands alone, so put everything into it"
    ]


def test_how_much_is_included_is_bounded(tmp_path):
    """Neither many files nor many values keep the gateway busy."""
    chain = {f"f{n}.yaml": f"include: f{n + 1}.yaml\n" for n in range(MAX_FILES + 5)}
    root = {"policy.yaml": "version: 1\ninclude: f0.yaml\ndefault: {steps: [small]}\n"}
    assert f"more than {MAX_FILES} files are included" in _findings(tmp_path, root | chain)[0]
    large = "tests: [" + ",".join(["1"] * (MAX_VALUES - 10)) + "]\n"
    root["policy.yaml"] = "version: 1\ninclude: [a.yaml, b.yaml]\ndefault: {steps: [small]}\n"
    found = _findings(tmp_path, root | {"a.yaml": large, "b.yaml": large})
    assert f"the included files have more than {MAX_VALUES} values" in found[0]


def test_a_refused_policy_says_which_files_could_make_it_sound(tmp_path):
    """Who watches a policy has to watch what it includes, also while that is broken or not there."""
    result = _load(
        tmp_path, {"policy.yaml": "version: 1\ninclude: nowhere.yaml\ndefault: {steps: [small]}\n"}
    )
    assert [path.name for path in result.files] == ["nowhere.yaml"]
