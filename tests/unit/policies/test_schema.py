"""The JSON Schema for editors is generated, committed and fresh."""

from __future__ import annotations

import json
from pathlib import Path

from policies.model_cases import CasesFile
from policies.schema import json_schema, known_keys

SCHEMAS = Path(__file__).parents[3] / "deploy" / "schemas"


def test_committed_schemas_are_fresh():
    """The schemas that editors load are those the models give.

    Write them anew with: python -m policies.schema > deploy/schemas/policy.schema.json
    and: python -m policies.schema cases > deploy/schemas/cases.schema.json
    """
    assert json.loads((SCHEMAS / "policy.schema.json").read_text()) == json_schema()
    assert json.loads((SCHEMAS / "cases.schema.json").read_text()) == json_schema(CasesFile)


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
