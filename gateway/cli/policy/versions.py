"""`pointsman policy versions`: what was in force, when, by whom and why."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.policy import admin
from gateway.cli.policy.admin import DEFAULT_URL, Admin, Url

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def versions(
    limit: Annotated[int, typer.Option(min=1, max=500, help="At most so many, the newest.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="With what each changed.")] = False,
    url: Url = DEFAULT_URL,
) -> None:
    """List the versions that were in force, the newest first."""
    answer = Admin.at(url).call("GET", f"/versions?limit={limit}")
    admin.expect_success(answer)
    found = answer.body["versions"]
    if as_json:
        print(json.dumps(found, indent=2, ensure_ascii=False))
        return
    rows = [
        (one["version"], f"{one['at'][:19]}Z", one["origin"], one["author"], one["reason"]) for one in found
    ]
    for line in _columns([("version", "published (UTC)", "by way of", "author", "reason"), *rows]):
        print(line)


def _columns(rows: Sequence[Sequence[str]]) -> Iterable[str]:
    flat = [[" ".join(cell.split()) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*flat, strict=True)]
    return (
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in flat
    )
