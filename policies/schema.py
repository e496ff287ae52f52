"""JSON Schemas of policies and of files of cases, generated from the models, for editors and for hints.

`python -m policies.schema` writes the one of policies, `python -m policies.schema cases` the other.
"""

from __future__ import annotations

import functools
import json
import sys
from typing import TYPE_CHECKING, Any

from policies.model import Policy
from policies.model_cases import CasesFile

if TYPE_CHECKING:
    from pydantic import BaseModel

    from policies.document import Loc

Schema = dict[str, Any]


TITLES: dict[type[BaseModel], str] = {Policy: "Pointsman policy", CasesFile: "Pointsman cases"}


def json_schema(model: type[BaseModel] = Policy) -> Schema:
    """The JSON Schema of a policy, or of a file of cases, for `# yaml-language-server: $schema=...`."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **model.model_json_schema(by_alias=True),
        "title": TITLES.get(model, model.__name__),
    }


def known_keys(loc: Loc, model: type[BaseModel] = Policy) -> list[str]:
    """Keys that the mapping at `loc` may have; empty where any key is allowed or nothing is known."""
    root = _schema(model)
    node: Schema = root
    for part in loc:
        node = _mapping_or_list(node, root)
        if isinstance(part, int):
            node = node.get("items", {})
        else:
            open_entries = node.get("additionalProperties")
            node = node.get("properties", {}).get(part) or (open_entries if open_entries else {})
    return list(_mapping_or_list(node, root).get("properties", {}))


@functools.cache
def _schema(model: type[BaseModel]) -> Schema:
    return json_schema(model)


def _mapping_or_list(node: Schema, root: Schema) -> Schema:
    """Follow references, and of alternatives take the one that holds other values."""
    for _ in range(8):
        if "$ref" in node:
            node = root["$defs"][node["$ref"].rsplit("/", 1)[-1]]
        elif "anyOf" in node:
            nested = [n for n in node["anyOf"] if "$ref" in n or n.get("type") in ("object", "array")]
            node = nested[0] if nested else {}
        else:
            break
    return node


if __name__ == "__main__":
    chosen = CasesFile if sys.argv[1:] == ["cases"] else Policy
    sys.stdout.write(json.dumps(json_schema(chosen), indent=2) + "\n")
