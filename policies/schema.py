"""JSON Schema of the policy language, generated from the models, for editors and for hints."""

from __future__ import annotations

import functools
import json
import sys
from typing import TYPE_CHECKING, Any

from policies.model import Policy

if TYPE_CHECKING:
    from policies.document import Loc

Schema = dict[str, Any]


def json_schema() -> Schema:
    """The JSON Schema of a policy file, for `# yaml-language-server: $schema=...`."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Policy.model_json_schema(by_alias=True),
        "title": "Pointsman policy",
    }


def known_keys(loc: Loc) -> list[str]:
    """Keys that the mapping at `loc` may have; empty where any key is allowed or nothing is known."""
    root = _schema()
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
def _schema() -> Schema:
    return json_schema()


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
    sys.stdout.write(json.dumps(json_schema(), indent=2) + "\n")
