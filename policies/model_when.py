"""The part of the language that looks at a request: `when` of a rule."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from policies.scalars import Closed, Flag, ListOnly, Matches, Number, OneOf, Text


class Range(Closed):
    """An interval on a number; every bound that is given must hold."""

    at_least: Number | None = None
    """The value itself is inside."""
    above: Number | None = None
    """The value itself is outside."""
    at_most: Number | None = None
    """The value itself is inside."""
    below: Number | None = None
    """The value itself is outside."""

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if self.at_least is self.above is self.at_most is self.below is None:
            raise ValueError("give at least one of `at_least`, `above`, `at_most`, `below`")
        return self


Clock = Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
"""A time of day such as `22:00`."""


class TimeWindow(Closed):
    """Hours of the day in UTC, from included, to excluded; a window may pass midnight."""

    start: Clock = Field(alias="from")
    end: Clock = Field(alias="to")

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if self.start == self.end:
            raise ValueError("`from` and `to` are the same, so the window is empty")
        return self


class When(Closed):
    """Conditions on a request. All that are given must hold; none given always holds."""

    task: OneOf | None = None
    """Kind of work, as the classifier sees it, e.g. `code` or `summarisation`."""
    task_confidence: Range | None = None
    """Calibrated probability that `task` is right."""
    domain: OneOf | None = None
    """Field of knowledge, as the classifier sees it, e.g. `law`."""
    domain_confidence: Range | None = None
    """Calibrated probability that `domain` is right."""
    language: OneOf | None = None
    """Two-letter code of the language, or `und` when it cannot be told."""
    difficulty: Range | None = None
    """Calibrated probability that the reference small model fails."""
    success: dict[Text, Range] | None = None
    """Target -> probability that it answers acceptably."""
    pii: Range | None = None
    """Probability that the request holds personal data."""
    injection: Range | None = None
    """Probability that the request tries to override its instructions."""
    tokens: Range | None = None
    """Length of the prompt in tokens."""
    max_output_tokens: Range | None = None
    """The limit that the client sets; a request without one is in no range."""
    modalities: OneOf | None = None
    """What the request must contain, all of it: `text`, `image`, `audio`."""
    stream: Flag | None = None
    """The client wants the answer as it is written."""
    tools: Flag | None = None
    """The request offers tools."""
    json_schema: Flag | None = None
    """The request asks for an answer that follows a JSON schema."""
    model: Matches | None = None
    """The model as the client asked for it."""
    key: Matches | None = None
    """Public id of the API key; empty when the gateway runs without keys."""
    tenant: Matches | None = None
    """Whose key it is."""
    metadata: dict[Text, Matches] | None = None
    """Entry of the request's `metadata` -> what it must be; a request without the entry does not match."""
    header: dict[Text, Matches] | None = None
    """Request header, in any case -> what it must be; a request without the header does not match."""
    time: TimeWindow | None = None
    """Time of day at which the request arrived."""
    all_: Annotated[tuple[When, ...], Field(min_length=1), ListOnly] | None = Field(None, alias="all")
    """Conditions that must all hold."""
    any_: Annotated[tuple[When, ...], Field(min_length=1), ListOnly] | None = Field(None, alias="any")
    """Conditions of which one must hold."""
    not_: When | None = Field(None, alias="not")
    """A condition that must not hold."""
