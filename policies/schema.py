"""JSON Schemas of policies, of what they include and of files of cases, from the models, for editors and for hints.

`python -m policies.schema` writes the one of policies, `python -m policies.schema fragment` and `cases` the others.
"""

from __future__ import annotations

import functools
import json
import sys
from typing import TYPE_CHECKING, Any

from policies.include import INCLUDABLE
from policies.model import Policy
from policies.model_cases import CasesFile

if TYPE_CHECKING:
    from pydantic import BaseModel

    from policies.document import Loc

Schema = dict[str, Any]
_LITERAL = frozenset({"Case", "Expect", "Message"})
_ABOUT = ("title", "description", "default")
_REFERENCE: Schema = {"type": "string", "pattern": r"^\$[a-zA-Z][a-zA-Z0-9_-]{0,63}$"}


TITLES: dict[type[BaseModel], str] = {Policy: "Pointsman policy", CasesFile: "Pointsman cases"}


def json_schema(model: type[BaseModel] = Policy) -> Schema:
    """The JSON Schema of a policy, or of a file of cases, for `# yaml-language-server: $schema=...`."""
    plain = model.model_json_schema(by_alias=True)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **(_with_references(plain) if model is Policy else plain),
        "title": TITLES.get(model, model.__name__),
    }


def fragment_schema() -> Schema:
    """The JSON Schema of a file that a policy includes: what it may have, of which nothing is required."""
    whole = json_schema()
    kept = {name: node for name, node in whole["properties"].items() if name in INCLUDABLE}
    parts = {key: value for key, value in whole.items() if key not in ("required", "description")}
    return {
        **parts,
        "title": "Included by a Pointsman policy",
        "description": "A file of `include`.",
        "properties": {name: _optional(node) for name, node in kept.items()},
        "$defs": _referred(whole["$defs"], kept),
    }


def _optional(node: Schema) -> Schema:
    """The node without a least number of entries: a policy needs a target, a part of it does not."""
    return {key: value for key, value in node.items() if key not in ("minItems", "minProperties")}


def _referred(definitions: Schema, *roots: object) -> Schema:
    """The definitions that `roots` refer to, directly or not, in their order."""
    found: set[str] = set()
    waiting: list[object] = list(roots)
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            reference = part.get("$ref")
            name = reference.rsplit("/", 1)[-1] if isinstance(reference, str) else None
            if name is not None and name not in found:
                found.add(name)
                waiting.append(definitions[name])
            waiting += part.values()
        elif isinstance(part, list):
            waiting += part
    return {name: node for name, node in definitions.items() if name in found}


def _with_references(root: Schema) -> Schema:
    """The schema with `$name` allowed wherever a number, a flag or a word of a fixed form may stand.

    Text takes it anyway. Cases, the version and the variables themselves refer to nothing.
    """
    definitions = {
        name: node if name in _LITERAL else _open(node) for name, node in root.get("$defs", {}).items()
    }
    properties = {
        name: node if name in ("version", "variables") else _open(node)
        for name, node in root["properties"].items()
    }
    return {**root, "$defs": definitions, "properties": properties}


def _open(node: Any) -> Any:  # noqa: ANN401 a part of a schema of any shape
    if isinstance(node, list):
        return [_open(part) for part in node]
    if not isinstance(node, dict):
        return node
    if node.get("type") in ("number", "integer", "boolean") or "enum" in node or "pattern" in node:
        about = {key: node[key] for key in _ABOUT if key in node}
        return {**about, "anyOf": [{k: v for k, v in node.items() if k not in _ABOUT}, _REFERENCE]}
    # Defaults are values and no schemas; under `properties` every key is a name.
    return {
        key: value
        if key in ("default", "required")
        else {name: _open(part) for name, part in value.items()}
        if key == "properties"
        else _open(value)
        for key, value in node.items()
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
            node = node.get("properties", {}).get(part) or any_entry(node)
    return list(_mapping_or_list(node, root).get("properties", {}))


def any_entry(node: Schema) -> Schema:
    """What every entry of a mapping with free names is; empty where nothing is said."""
    by_pattern = next(iter(node.get("patternProperties", {}).values()), None)
    return by_pattern or node.get("additionalProperties") or {}


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
    chosen = {"cases": lambda: json_schema(CasesFile), "fragment": fragment_schema}
    made = chosen.get("".join(sys.argv[1:2]), json_schema)()
    sys.stdout.write(json.dumps(made, indent=2) + "\n")
