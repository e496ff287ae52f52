"""Turns plain data into a `Policy`, and pydantic's errors into findings a person can act on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ValidationError

from policies.findings import Finding, did_you_mean, quote
from policies.model import Policy
from policies.schema import known_keys

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

    from policies.document import Document, Loc

LANGUAGE_VERSIONS = (1,)
File = TypeVar("File", bound=BaseModel)

_COMPARISONS = {
    "greater_than_equal": ("at least", "ge"),
    "greater_than": ("above", "gt"),
    "less_than_equal": ("at most", "le"),
    "less_than": ("below", "lt"),
}
_KINDS = {
    "string_type": "text",
    "float_type": "a number",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "bool_type": "`true` or `false`",
    "finite_number": "a finite number",
    "model_type": "a mapping",
    "dict_type": "a mapping",
    "tuple_type": "a list",
    "float_parsing": "a number",
}
_PATTERNS = {
    "id": "letters, digits, `_`, `.` or `-`, at most 64",
    "from": "a time like `22:00`",
    "to": "a time like `06:00`",
}


def parse_policy(document: Document, source: str) -> Policy | list[Finding]:
    """The policy in `document`, or every way in which it is not one."""
    return parse_file(Policy, document, source, "a policy")


def parse_file(model: type[File], document: Document, source: str, what: str) -> File | list[Finding]:
    """What `document` says as a `model`; `what` names it in findings, e.g. `a policy`."""
    data = document.data
    if not isinstance(data, dict):
        line, column = document.place(())
        return [Finding("error", source, line, column, f"{what} is a mapping, not {_shape(data)}")]
    version = data.get("version", LANGUAGE_VERSIONS[0])
    if isinstance(version, bool) or version not in LANGUAGE_VERSIONS:
        # Findings about a language we do not know would mislead.
        line, column = document.place(("version",))
        return [
            Finding("error", source, line, column, f"unknown version {quote(version)}; this build reads `1`")
        ]
    try:
        return model.model_validate(data)
    except ValidationError as invalid:
        errors = invalid.errors(include_url=False)
    return [_finding(error, document, source, model) for error in errors if not _is_echo(error, errors)]


def rule_at(document: Document, loc: Loc) -> str | None:
    """Id of the rule that `loc` lies in, if it has one."""
    match document.data, loc:
        case {"rules": list(rules)}, ("rules", int(index), *_) if index < len(rules):
            rule = rules[index]
            name = rule.get("id") if isinstance(rule, dict) else None
            return name if isinstance(name, str) else None
    return None


def _is_echo(error: ErrorDetails, errors: list[ErrorDetails]) -> bool:
    """Whether pydantic calls a list too short only because it left out entries that have findings already."""
    if error["type"] != "too_short":
        return False
    loc = error["loc"]
    return any(other["loc"][: len(loc)] == loc and len(other["loc"]) > len(loc) for other in errors)


def _is_bracketed(part: str | int) -> bool:
    return part in ("[key]", "[glob]", "[pattern]")


def _finding(error: ErrorDetails, document: Document, source: str, model: type[BaseModel]) -> Finding:
    # Parts in brackets are pydantic's: a key instead of its value, or which alternative it tried.
    loc: Loc = tuple(part for part in error["loc"] if not _is_bracketed(part))
    on_key = error["type"] == "extra_forbidden" or "[key]" in error["loc"]
    line, column = document.place(loc, key=on_key)
    message = _message(error, loc, model) + document.variable(loc)
    return Finding("error", document.origin(loc) or source, line, column, message, rule_at(document, loc))


def _message(error: ErrorDetails, loc: Loc, model: type[BaseModel]) -> str:
    kind, given, context = error["type"], error["input"], error.get("ctx", {})
    last = str(loc[-1]) if loc else "policy"
    if kind == "extra_forbidden":
        return f"unknown key {quote(last)}{did_you_mean(last, known_keys(loc[:-1], model))}"
    if kind == "missing":
        return f"missing key {quote(last)}"
    if kind == "string_pattern_mismatch" and loc[:1] == ("variables",):
        named = "letters, digits, `_` and `-`, beginning with a letter"
        return f"a variable is named with {named}, not {_shape(given)}"
    if kind == "value_error":
        return str(context["error"])
    if kind == "too_short" and context["min_length"] > 1:
        return f"{_name(loc)} should have at least {context['min_length']} entries"
    if kind in ("too_short", "string_too_short"):
        return f"{_name(loc)} should not be empty"
    return f"{_name(loc)} should be {_wanted(kind, last, given, context) or _plain(error['msg'])}"


def _wanted(kind: str, last: str, given: object, context: dict[str, Any]) -> str | None:
    if kind in _KINDS:
        hint = "; put it in quotes" if kind == "string_type" and isinstance(given, (int, float)) else ""
        return f"{_KINDS[kind]}, not {_shape(given)}{hint}"
    if kind in _COMPARISONS:
        words, key = _COMPARISONS[kind]
        return f"{words} {context[key]}, not {_shape(given)}"
    if kind == "literal_error":
        choices = str(context["expected"]).replace("'", "`")
        return f"{choices}, not {_shape(given)}{did_you_mean(str(given), choices.split('`')[1::2])}"
    if kind == "string_pattern_mismatch":
        return f"{_PATTERNS.get(last, 'of another form')}, not {_shape(given)}"
    if kind == "string_too_long":
        return f"at most {context['max_length']} characters long"
    return None


def _name(loc: Loc) -> str:
    """The nearest key, with the position in its list if the value is an entry of one."""
    if loc and isinstance(loc[-1], int):
        key = next((part for part in reversed(loc) if isinstance(part, str)), "list")
        return f"entry {loc[-1] + 1} of {quote(key)}"
    return quote(loc[-1]) if loc else "the policy"


def _shape(given: object) -> str:
    """A value as the user wrote it; a list or a mapping only by name."""
    if isinstance(given, dict):
        return "a mapping"
    return "a list" if isinstance(given, (list, tuple)) else quote(given)


def _plain(message: str) -> str:
    """A message of pydantic that has no wording of ours."""
    return "valid: " + message[:1].lower() + message[1:].rstrip(".")
