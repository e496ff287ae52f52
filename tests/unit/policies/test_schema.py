"""The JSON Schema for editors is generated, committed and fresh."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
from ruamel.yaml import YAML

from policies.by_name import shipped
from policies.model_cases import CasesFile
from policies.schema import fragment_schema, json_schema, known_keys

SCHEMAS = Path(__file__).parents[3] / "deploy" / "schemas"


def test_committed_schemas_are_fresh():
    """The schemas that editors load are those the models give.

    Write them anew with: python -m policies.schema > deploy/schemas/policy.schema.json
    and: python -m policies.schema cases > deploy/schemas/cases.schema.json
    and: python -m policies.schema fragment > deploy/schemas/fragment.schema.json
    """
    assert json.loads((SCHEMAS / "policy.schema.json").read_text()) == json_schema()
    assert json.loads((SCHEMAS / "cases.schema.json").read_text()) == json_schema(CasesFile)
    assert json.loads((SCHEMAS / "fragment.schema.json").read_text()) == fragment_schema()


def test_known_keys_follow_the_path():
    """The keys that may stand at a place come from the schema, through lists and open mappings."""
    assert "rules" in known_keys(())
    assert known_keys(("rules", 0)) == ["id", "when", "then"]
    assert "difficulty" in known_keys(("rules", 0, "when", "any", 1, "not"))
    assert "ability" in known_keys(("targets", "anything"))
    assert known_keys(("rules", 0, "when", "difficulty")) == ["at_least", "above", "at_most", "below"]
    assert known_keys(("aliases",)) == []
    assert known_keys(("nowhere", 3, "x")) == []


def test_schema_allows_a_value_or_a_list():
    """Editors accept both forms that the language accepts."""
    task = json_schema()["$defs"]["When"]["properties"]["task"]
    kinds = [option.get("type") for option in task["anyOf"][0].get("anyOf", task["anyOf"])]
    assert kinds[:2] == ["string", "array"]


def _complaints(text: str) -> list[str]:
    """What an editor with the schema would underline, as paths."""
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    data = YAML(typ="safe").load(text)
    found = jsonschema.Draft202012Validator(schema).iter_errors(data)
    return sorted({"/".join(map(str, error.path)) for error in found})


def test_editors_accept_what_the_gateway_accepts():
    """Variables, patterns and single values for lists are not underlined, nor is anything that is shipped."""
    text = """
version: 1
include: more.yaml
variables: {hard: 0.6, strong: large, on: true}
targets: {large: {kind: upstream, model: openai/gpt-5, retries: $again}}
rules:
  - id: a
    when: {difficulty: {at_least: $hard}, tools: $on, model: [a*, {pattern: "b+"}], metadata: {x: {pattern: c}}}
    then: {choose: $how, among: [$strong], success: $hard, shadow: {targets: [large], share: $part}}
default: {steps: [large], hedge: {after_s: $late}}
experiments: [{id: c, kind: canary, from: large, to: $strong, share: $part, stop_if: {inferior_by: $margin}}]
"""
    assert _complaints(text) == []
    for path in shipped().parent.glob("*.yaml"):
        if not path.name.endswith(".cases.yaml"):
            assert _complaints(path.read_text()) == [], path


def test_editors_underline_what_the_gateway_refuses():
    """A word for a number, an unknown key, and a reference where nothing is looked up."""
    text = """
version: $one
variables: {a: [1]}
targets: {large: {kind: upstream, model: openai/gpt-5, retries: often}}
default: {steps: [large], stepps: []}
"""
    assert _complaints(text) == ["default", "targets/large/retries", "variables/a", "version"]


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("targets: {small: {kind: local, model: s}}", []),
        ("rules: [{id: a, then: {steps: [small]}}]", []),
        ("variables: {hard: 0.6}", []),
        ("targets: {}", []),
        ("default: {steps: [small]}", [""]),
        ("rules: [{id: a, then: {step: [small]}}]", ["rules/0/then"]),
        ("targets: {small: {kind: locale, model: s}}", ["targets/small/kind"]),
    ],
)
def test_editors_read_an_included_file_by_its_own_schema(text, places):
    """It needs neither targets nor a default, may have no default, and its parts are those of a policy."""
    schema = fragment_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    found = jsonschema.Draft202012Validator(schema).iter_errors(YAML(typ="safe").load(text))
    assert sorted({"/".join(map(str, error.path)) for error in found}) == places
