"""The smallest parts of the language: numbers with their bounds, names, lists, and text that is matched."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    WithJsonSchema,
    field_validator,
)

from policies.patterns import check_pattern


class Closed(BaseModel):
    """A mapping of the language: immutable, and every key is known."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


def _as_tuple(value: object) -> object:
    """Let a single value stand for a list of one, and turn YAML's lists into tuples."""
    if isinstance(value, list):
        return tuple(value)
    return (value,) if isinstance(value, str) else value


def _as_matches(value: object) -> object:
    return (value,) if isinstance(value, (dict, Pattern)) else _as_tuple(value)


def _one_or_many(item: dict[str, Any]) -> WithJsonSchema:
    return WithJsonSchema({"anyOf": [item, {"type": "array", "items": item, "minItems": 1}]})


ListOnly = BeforeValidator(lambda value: tuple(value) if isinstance(value, list) else value)
"""Turns YAML's lists into tuples; a single value does not stand for a list."""

Text = Annotated[str, Field(min_length=1, max_length=256)]
Probability = Annotated[float, Field(ge=0, le=1, strict=True, allow_inf_nan=False)]
Share = Annotated[float, Field(gt=0, lt=1, strict=True, allow_inf_nan=False)]
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, strict=True, allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, strict=True, allow_inf_nan=False)]
Seconds = Annotated[float, Field(gt=0, le=86400, strict=True, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0, strict=True)]
Flag = Annotated[bool, Field(strict=True)]
Retries = Annotated[int, Field(ge=0, le=10, strict=True)]
Id = Annotated[str, Field(pattern=r"^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,63}$")]
"""Names a rule or an experiment, in records and response headers too."""
VariableName = Annotated[str, Field(pattern=r"^[a-zA-Z][a-zA-Z0-9_-]{0,63}$")]
"""Letters, digits, `_` and `-`, beginning with a letter."""
Names = Annotated[tuple[Text, ...], Field(min_length=1), ListOnly]
OneOf = Annotated[
    tuple[Text, ...], Field(min_length=1), BeforeValidator(_as_tuple), _one_or_many({"type": "string"})
]
"""A value or a list of values."""


class Pattern(Closed):
    """A regular expression that the whole value has to match. It stands wherever a glob may.

    RE2's syntax: matching takes time linear in the value, and there are neither back-references nor look-around.
    """

    pattern: Text
    """For example `team-(red|blue)-[0-9]+`; it needs no `^` and no `$`."""

    @field_validator("pattern")
    @classmethod
    def _compiles(cls, pattern: str) -> str:
        if (complaint := check_pattern(pattern)) is not None:
            raise ValueError(complaint)
        return pattern


def _kind_of_match(value: object) -> str:
    return "[pattern]" if isinstance(value, (dict, Pattern)) else "[glob]"


Match = Annotated[
    Annotated[Text, Tag("[glob]")] | Annotated[Pattern, Tag("[pattern]")], Discriminator(_kind_of_match)
]
"""A glob (`*` any run of characters, `?` any one, `[ab]` one of a set) or a `Pattern`. Both are case-sensitive."""
Matches = Annotated[
    tuple[Match, ...],
    Field(min_length=1),
    BeforeValidator(_as_matches),
    _one_or_many(
        {
            "anyOf": [
                {"type": "string"},
                {
                    "type": "object",
                    "properties": {"pattern": {"type": "string", "minLength": 1, "maxLength": 256}},
                    "required": ["pattern"],
                    "additionalProperties": False,
                },
            ]
        }
    ),
]
"""A glob or a pattern, or a list of them of which one has to match."""
