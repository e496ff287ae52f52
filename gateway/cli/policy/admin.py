"""The admin API of a running gateway, as commands use it; what goes wrong ends the command with a sentence."""

from __future__ import annotations

import asyncio
import getpass
import json
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from gateway.cli.output import EXIT_FINDINGS

if TYPE_CHECKING:
    from collections.abc import Mapping

Url = Annotated[
    str, typer.Option(help="Where the gateway listens. POINTSMAN_ADMIN_KEY is sent to it when set.")
]
Reason = Annotated[str, typer.Option(help="Why; kept with the version.")]
Author = Annotated[str | None, typer.Option(help="Who; your user name when not given.")]
DEFAULT_URL = "http://127.0.0.1:8080"
_TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class Answer:
    """A response of the admin API."""

    status: int
    etag: str
    body: dict[str, Any]

    @property
    def error(self) -> dict[str, Any]:
        """The error in it, empty when there is none."""
        found = self.body.get("error")
        return found if isinstance(found, dict) else {}


@dataclass(frozen=True, slots=True)
class Admin:
    """One gateway, by its URL."""

    url: str
    key: str | None

    @classmethod
    def at(cls, url: str) -> Admin:
        """The gateway at `url`, with the key of the environment."""
        from gateway.settings import load_settings

        key = load_settings().admin_key
        return cls(url.rstrip("/").removesuffix("/v1"), key.get_secret_value() if key else None)

    def call(
        self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """The answer to one request; ends the command when no gateway answers."""
        import aiohttp

        try:
            return asyncio.run(self._call(method, path, body, headers or {}))
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            stop(f"no gateway answers at {self.url}: {_reason(error)}; start it, or name another with --url")

    async def _call(self, method: str, path: str, body: object, headers: Mapping[str, str]) -> Answer:
        import aiohttp

        authorization = {"authorization": f"Bearer {self.key}"} if self.key else {}
        timeout = aiohttp.ClientTimeout(total=_TIMEOUT_S)
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.request(
                method, f"{self.url}/admin/v1/policy{path}", json=body, headers={**headers, **authorization}
            ) as response,
        ):
            found = json.loads(await response.read())
            body = found if isinstance(found, dict) else {}
            return Answer(response.status, response.headers.get("etag", ""), body)


def stop(message: str, code: int = 1) -> NoReturn:
    """End the command with `message`."""
    print(message, file=sys.stderr)
    raise typer.Exit(code)


def expect_success(answer: Answer, file: str = "policy") -> None:
    """Return if the request succeeded; else say what to do and end the command.

    Exit code 2 with findings at `file`, 1 for everything else.
    """
    if answer.status < 400:
        return
    for finding in answer.error.get("findings", ()):
        print(said(finding, file), file=sys.stderr)
    if answer.status == 422:
        stop("nothing was published; what serves goes on serving", EXIT_FINDINGS)
    if answer.status == 412:
        _show_what_came_between(answer.error)
    if answer.error.get("code") == "unknown_policy_version":
        stop(
            "no policy of this version was ever in force there; `pointsman policy versions` lists those that were"
        )
    stop(str(answer.error.get("message") or f"the gateway answered {answer.status}"))


def said(finding: Mapping[str, Any], file: str) -> str:
    """A finding as `pointsman policy check` prints it."""
    from policies.findings import Finding

    return str(Finding(**{**finding, "path": file if finding["path"] == "policy" else finding["path"]}))


def show_changes(changes: Mapping[str, Any]) -> None:
    """Print what changed in meaning; line by line where that is not known."""
    meaning = changes.get("meaning")
    if meaning is None:
        print(changes.get("text", ""))
    elif not meaning:
        print("no change in meaning")
    for change in meaning or ():
        print(f"- {change['message']}")


def whoever(author: str | None) -> str:
    """The author that was given, else the user who runs the command."""
    try:
        return author or getpass.getuser()
    except (KeyError, OSError):  # a container without a name for its user
        return "unknown"


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return f"nothing came in {_TIMEOUT_S:g} s"
    if isinstance(getattr(error, "os_error", error), ConnectionRefusedError):
        return "connection refused"
    return str(error) or type(error).__name__


def _show_what_came_between(error: Mapping[str, Any]) -> None:
    if changes := error.get("changes"):
        print("someone published in between; this is what they changed:\n")
        show_changes(changes)
        print(f"\n{changes.get('text', '')}\n")
    stop(
        "nothing was published. Take the changes over (`pointsman policy show` prints what is in force), then "
        f"publish with --base {str(error.get('current', '')).strip(chr(34))}"
    )
