"""The reference of the policy language, from the models that read it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from policies.findings import CHECKS
from policies.model_cases import CasesFile
from policies.schema import any_entry, json_schema

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Schema = dict[str, Any]
Row = tuple[str, ...]
Section = tuple[str, str, "Sequence[Row]"]

LEAD = (
    "A policy is one YAML file, typed and closed: a key that is not listed here is an error. `pointsman policy check`\n"
    "says what is wrong with one, and editors complete and check it with this line on top:\n\n"
    "```yaml\n# yaml-language-server: $schema=deploy/schemas/policy.schema.json\n```\n\n"
    "Plain YAML only: no anchors, aliases, tags or duplicate keys, at most 1 MB, 32 levels and 20,000 values.\n"
    "A file that `include` names has its own schema, `deploy/schemas/fragment.schema.json`.\n"
    "A list of one may be written as the value itself where the type says `or list`."
)
CASES = (
    "`NAME.cases.yaml` and `NAME.MORE.cases.yaml` beside `NAME.yaml` hold more cases of that policy. Their schema is\n"
    "`deploy/schemas/cases.schema.json`."
)
_BOUNDS = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}


def sections() -> Iterator[Section]:
    """The sections of the policy language, then those of a file of cases."""
    yield from sections_of(json_schema())
    cases = json_schema(CasesFile)
    yield "A file of cases", CASES, list(_rows(cases, cases))


def sections_of(root: Schema) -> Iterator[Section]:
    """(Heading, text, rows of key, type, default and meaning) of each mapping in a schema, the file first."""
    yield "The file", root.get("description", ""), list(_rows(root, root))
    for name in _in_order(root):
        model = root["$defs"][name]
        if "properties" in model:
            yield f"`{name}`", " ".join(model.get("description", "").split()), list(_rows(model, root))


def checks() -> list[Row]:
    """What `pointsman policy check` looks for; findings in JSON and SARIF name it."""
    return [(f"`{check}`", meaning) for check, meaning in CHECKS.items()]


def _in_order(root: Schema) -> list[str]:
    """Names of models, each where it is first referred to."""
    found: list[str] = []
    queue: list[object] = [root["properties"]]
    while queue:
        names = _references(queue.pop(0), found)
        found += names
        queue += [root["$defs"][name] for name in names]
    return found


def _references(node: object, known: list[str]) -> list[str]:
    found: dict[str, None] = {}

    def walk(part: object) -> None:
        if isinstance(part, dict):
            if "$ref" in part:
                found.setdefault(part["$ref"].rsplit("/", 1)[-1])
            for inner in part.values():
                walk(inner)
        elif isinstance(part, list):
            for inner in part:
                walk(inner)

    walk(node)
    return [name for name in found if name not in known]


def _rows(model: Schema, root: Schema) -> Iterator[Row]:
    required = set(model.get("required", ()))
    for key, node in model["properties"].items():
        default = "required" if key in required else _default(node)
        yield f"`{key}`", _type(node, root), default, " ".join(node.get("description", "").split())


def _default(node: Schema) -> str:
    default = node.get("default")
    if default is None or default in ({}, []) or isinstance(default, dict):
        return ""
    return f"`{json.dumps(default)}`"


def _type(node: Schema, root: Schema) -> str:
    """A type as people say it, e.g. `number, 0 to 1` or ``list of `Rule` ``."""
    if "$ref" in node:
        name = node["$ref"].rsplit("/", 1)[-1]
        target = root["$defs"][name]
        return f"`{name}`" if "properties" in target else _type(target, root)
    if "anyOf" in node:
        return _alternatives([part for part in node["anyOf"] if part.get("type") != "null"], root)
    if "enum" in node or "const" in node:
        return ", ".join(f"`{value}`" for value in node.get("enum", [node.get("const")]))
    if node.get("type") == "array":
        return f"list of {_type(node.get('items', {}), root)}"
    if node.get("type") == "object" or "additionalProperties" in node:
        return _mapping(node, root)
    if isinstance(node.get("type"), list):
        return " or ".join(map(str, node["type"]))
    return _scalar(node)


def _mapping(node: Schema, root: Schema) -> str:
    if "properties" in node:
        return "`{" + ", ".join(f"{key}: …" for key in node["properties"]) + "}`"
    return f"mapping of names to {_type(any_entry(node), root)}"


def _alternatives(parts: list[Schema], root: Schema) -> str:
    """`X or list` where one item may stand for a list of one."""
    items = [part for part in parts if part.get("type") != "array"]
    lists = [part for part in parts if part.get("type") == "array"]
    if len(items) == 1 and len(lists) == 1 and lists[0].get("items") == items[0]:
        return f"{_type(items[0], root)}, or list"
    return " or ".join(dict.fromkeys(_type(part, root) for part in parts))


def _scalar(node: Schema) -> str:
    words = {"string": "text", "boolean": "`true` or `false`", "integer": "whole number"}
    kind = words.get(str(node.get("type")), str(node.get("type", "any value")))
    bounds = [f"{sign} {node[key]:g}" for key, sign in _BOUNDS.items() if key in node]
    if "pattern" in node:
        bounds.append(f"matching `{node['pattern']}`")
    return ", ".join([kind, *bounds])
