"""`pointsman policy publish`: put a file in force in a running gateway."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from gateway.cli.policy import admin
from gateway.cli.policy.admin import DEFAULT_URL, Admin, Author, Reason, Url


def publish(
    file: Annotated[Path, typer.Argument(help="Policy file.", metavar="FILE")],
    reason: Reason,
    author: Author = None,
    base: Annotated[
        str | None,
        typer.Option(
            help="Version that the edit began with: refused when another one is in force by now. "
            "The one in force when not given."
        ),
    ] = None,
    url: Url = DEFAULT_URL,
) -> None:
    """Check FILE and put it in force, everywhere and without a restart, or change nothing.

    Exit code 0: in force. 2: the policy has findings. 1: somebody published in between, or it cannot be done now.
    """
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "not UTF-8"
        admin.stop(f"{file} cannot be read: {(why or 'failed').lower()}", 2)
    gateway = Admin.at(url)
    expected = f'"{base.strip(chr(34))}"' if base else _in_force(gateway)
    body = {"text": text, "author": admin.whoever(author), "reason": reason}
    answer = gateway.call("PUT", "", body, {"if-match": expected})
    admin.expect_success(answer, str(file))
    report(answer.body, str(file))


def report(done: dict[str, Any], file: str) -> None:
    """Print what a publication did."""
    if done["unchanged"]:
        print(f"policy {done['version']} is in force already; nothing was done")
        return
    admin.show_changes(done["changes"])
    for finding in done["findings"]:
        print(admin.said(finding, file))
    print(f"policy {done['version']} is in force; before it: {done['previous']}")
    if not done["recorded"]:
        print("its entry in the history is written as soon as the database answers")


def _in_force(gateway: Admin) -> str:
    answer = gateway.call("GET", "")
    admin.expect_success(answer)
    return answer.etag
