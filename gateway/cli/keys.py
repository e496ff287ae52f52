"""`pointsman keys`: keys of clients, kept in the database of records. Running gateways follow within a second."""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from gateway.keyring import Pepper
    from gateway.records.keys import Keys, StoredKey

T = TypeVar("T")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]{0,63}")

keys_app = typer.Typer(no_args_is_help=True, help="Make, show, replace and revoke the keys of clients.")

Name = Annotated[str, typer.Argument(help="Names the key in records, spans and policies.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


@keys_app.command("create")
def create(
    name: Name,
    tenant: Annotated[
        str, typer.Option(help="Whose key it is: caches and records tell tenants apart.")
    ] = "default",
    expires: Annotated[
        str | None, typer.Option(help="How long it is valid, e.g. 90d or 12h; for good if not given.")
    ] = None,
    endpoint: Annotated[
        list[str] | None,
        typer.Option(
            help="Glob on paths after /v1/ that it may use, e.g. chat/completions. May be repeated."
        ),
    ] = None,
    model: Annotated[
        list[str] | None, typer.Option(help="Glob on models that it may ask for. May be repeated.")
    ] = None,
    target: Annotated[
        list[str] | None, typer.Option(help="Glob on targets that may answer it. May be repeated.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a key and print it. It is shown this once: only its HMAC is kept."""
    from gateway.records.keys import NewKey

    given = {"endpoints": endpoint, "models": model, "targets": target}
    scopes = {name: list(globs) for name, globs in given.items() if globs}
    for word in (name, tenant):
        if not _NAME.fullmatch(word):
            raise typer.BadParameter(
                f"`{word}` is not 1 to 64 of letters, digits and ._-, a letter or digit first"
            )
    expires_at = None if expires is None else time.time() + seconds(expires)
    new = NewKey(name, tenant, scopes, {}, expires_at)
    _show_secret(name, _run(lambda keys, pepper: keys.create(new, pepper.make())), as_json=as_json)


@keys_app.command("rotate")
def rotate(
    name: Name,
    overlap: Annotated[
        str, typer.Option(help="How long the old secret stays valid beside the new one.")
    ] = "24h",
    as_json: AsJson = False,
) -> None:
    """Make a new secret for a key and print it, once; scopes, tenant and expiry stay."""
    secret = _run(lambda keys, pepper: keys.rotate(name, pepper.make(), seconds(overlap)))
    _show_secret(name, secret, as_json=as_json)


@keys_app.command("revoke")
def revoke(name: Name) -> None:
    """Make every secret of a key invalid, at once and for good."""
    _run(lambda keys, _: keys.revoke(name))
    print(f"revoked {name}; running gateways refuse it within a second", file=sys.stderr)


@keys_app.command("list")
def list_keys(as_json: AsJson = False) -> None:
    """Show every key with its tenant, scopes and state; secrets cannot be shown."""
    rows = _run(lambda keys, _: keys.all())
    if as_json:
        print(json.dumps({"keys": [as_dict(row) for row in rows]}, indent=2))
        return
    if not rows:
        print("no keys; make one with `pointsman keys create NAME`", file=sys.stderr)
    for row in rows:
        print(_line(row))


def _line(row: StoredKey) -> str:
    scopes = "; ".join(f"{part}: {', '.join(globs)}" for part, globs in row.scopes.items()) or "everything"
    until = f", until {_iso(row.expires_at)}" if row.expires_at else ""
    return f"{row.id:24} {row.state(time.time()):8} tenant {row.tenant}{until}, for {scopes}"


def as_dict(row: StoredKey) -> dict[str, object]:
    """A key as programs read it, without anything secret."""
    return {
        "id": row.id,
        "state": row.state(time.time()),
        "tenant": row.tenant,
        "scopes": dict(row.scopes),
        "created_at": _iso(row.created_at),
        "expires_at": _iso(row.expires_at),
        "revoked_at": _iso(row.revoked_at),
    }


def seconds(duration: str) -> float:
    """Seconds of a duration like `90d`, `12h`, `30m` or `0s`; raises `BadParameter`."""
    found = re.fullmatch(r"(\d{1,6})([smhd])", duration)
    if found is None:
        raise typer.BadParameter(f"`{duration}` is no duration; write e.g. 90d, 12h, 30m or 0s")
    return float(found[1]) * _UNITS[found[2]]


def _show_secret(name: str, secret: str, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"id": name, "key": secret}))
        return
    print(secret)
    print(f"the key `{name}`, shown this once; send it as `Authorization: Bearer …`", file=sys.stderr)


def _run(work: Callable[[Keys, Pepper], Awaitable[T]]) -> T:
    from gateway.errors import GatewayError

    try:
        return asyncio.run(_in_database(work))
    except GatewayError as error:
        print(f"error: {error.message}", file=sys.stderr)
        raise typer.Exit(1) from None


async def _in_database(work: Callable[[Keys, Pepper], Awaitable[T]]) -> T:
    """What `work` makes of the keys in the database that the settings name, which is made where there is none."""
    from gateway.errors import StartupError
    from gateway.keyring import Pepper
    from gateway.records.keys import Keys
    from gateway.records.store import SqlRecordStore, StoreUnusable
    from gateway.settings import load_settings
    from policies.findings import Finding

    settings = load_settings()
    try:
        store = SqlRecordStore(settings.records_url, lambda _: None)
        await store.start()
    except StoreUnusable as error:
        raise StartupError([Finding("error", "environment", 1, 1, str(error))]) from error
    try:
        return await work(Keys(store.engine), Pepper(settings))
    finally:
        await store.close()


def _iso(at: float | None) -> str | None:
    return None if at is None else datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")
