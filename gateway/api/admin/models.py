"""What the admin API takes and gives, as JSON."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

# Databases refuse NUL, and a name is one line.
_Author = Annotated[
    str, StringConstraints(strip_whitespace=True, max_length=128, pattern=r"^[^\x00-\x1f\x7f]+$")
]
_Reason = Annotated[str, StringConstraints(strip_whitespace=True, max_length=2000, pattern=r"^[^\x00]+$")]


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Publication(_Asked):
    """A policy to put in force."""

    text: str = Field(description="The whole policy file.")
    author: _Author = Field("admin", description="Who publishes.")
    reason: _Reason = Field(description="Why; kept with the version.")


class Draft(_Asked):
    """A policy to check."""

    text: str = Field(description="The whole policy file.")


class Rollback(_Asked):
    """An earlier version to put in force again."""

    version: str = Field(description="One of `GET /admin/v1/policy/versions`.", min_length=1, max_length=64)
    author: _Author = Field("admin", description="Who rolls back.")
    reason: _Reason = Field(description="Why; kept with the version.")


class FindingOut(BaseModel):
    """One thing to fix (error) or to look at (warning)."""

    severity: Literal["error", "warning", "note"]
    path: str = Field(
        description="`policy` for the text that was sent, the path for a file that it includes."
    )
    line: int
    column: int
    message: str
    rule: str | None = Field(description="Id of the rule it is about.")
    check: str = Field(description="What found it, e.g. `form`, `reach` or `test`.")


class VersionOut(BaseModel):
    """A version that was in force."""

    serial: int = Field(description="Counts publications from 1.")
    version: str = Field(description="Names the content; on every response, record and span.")
    etag: str
    at: str = Field(description="When it was published, RFC 3339.")
    author: str
    reason: str
    origin: Literal["api", "file", "rollback"]
    changes: dict[str, Any] = Field(
        description="What changed against the version before: `meaning`, each with a `message`; `reroutes`; `text`."
    )


class VersionText(VersionOut):
    """A version with its text."""

    text: str


class Versions(BaseModel):
    """A page of the history."""

    versions: list[VersionOut]
    next_before: int | None = Field(description="Pass as `before` for the next page; null on the last one.")


class PolicyOut(BaseModel):
    """The policy in force in the process that answered."""

    version: str
    etag: str
    text: str
    place: str = Field(description="Where the truth lies: the path of the policy file, or `database`.")
    published: VersionOut | None = Field(
        description="Its entry in the history; null while that cannot be read."
    )
    findings: list[FindingOut] = Field(description="Warnings about it.")
    refused: list[str] = Field(description="Why a newer version is not in force; empty when there is none.")


class PublishedOut(BaseModel):
    """What a publication did."""

    version: str
    etag: str
    previous: str = Field(description="The version that was replaced.")
    unchanged: bool = Field(description="The same text was in force already; nothing was done.")
    recorded: bool = Field(
        description="Whether the history has it; false while the database does not answer."
    )
    changes: dict[str, Any]
    findings: list[FindingOut] = Field(description="Warnings about the policy now in force.")


class CheckedOut(BaseModel):
    """What would happen if a text were published."""

    valid: bool
    version: str | None = Field(description="The version that it would have; null when it would be refused.")
    findings: list[FindingOut]
    changes: dict[str, Any] = Field(description="What it would change against the policy in force.")
