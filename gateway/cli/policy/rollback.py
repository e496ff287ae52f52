"""`pointsman policy rollback`: put an earlier version in force again."""

from __future__ import annotations

from typing import Annotated

import typer

from gateway.cli.policy import admin
from gateway.cli.policy.admin import DEFAULT_URL, Admin, Author, Reason, Url
from gateway.cli.policy.publish import report


def rollback(
    version: Annotated[
        str, typer.Argument(help="Version to go back to; `pointsman policy versions` lists them.")
    ],
    reason: Reason,
    author: Author = None,
    url: Url = DEFAULT_URL,
) -> None:
    """Put VERSION in force again, whatever is in force now. Exit code 0: in force. 1 or 2: nothing was changed."""
    body = {"version": version, "author": admin.whoever(author), "reason": reason}
    answer = Admin.at(url).call("POST", "/rollback", body)
    admin.expect_success(answer, f"version {version}")
    report(answer.body, f"version {version}")
