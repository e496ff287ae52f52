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
    chosen = CasesFile if sys.argv[1:] == ["cases"] else Policy
    sys.stdout.write(json.dumps(json_schema(chosen), indent=2) + "\n")
