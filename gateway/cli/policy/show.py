"""`pointsman policy show`: the text of the policy in force, or of an earlier version."""

from __future__ import annotations

import sys
from typing import Annotated, Any
from urllib.parse import quote

import typer

from gateway.cli.policy import admin
from gateway.cli.policy.admin import DEFAULT_URL, Admin, Url


def show(
    version: Annotated[str | None, typer.Argument(help="A version; the one in force when not given.")] = None,
    url: Url = DEFAULT_URL,
) -> None:
    """Print a policy as it was published, comments and all, to standard output; who and why to standard error."""
    answer = Admin.at(url).call("GET", f"/versions/{quote(version, safe='')}" if version else "")
    admin.expect_success(answer)
    entry = answer.body if version else answer.body["published"]
    sys.stdout.write(answer.body["text"])
    print(f"# {answer.body['version']}{_signed(entry)}", file=sys.stderr)
    for finding in answer.body.get("refused", ()):
        print(f"# a newer policy is not in force: {finding}", file=sys.stderr)


def _signed(entry: dict[str, Any] | None) -> str:
    return f", {entry['at'][:19]}Z, {entry['author']}: {entry['reason']}" if entry else ""
