"""`pointsman policy replay`: what an edited policy would have done to recorded requests."""

from __future__ import annotations

import json
import re
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.policy_file import find

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gateway.cli.policy.replaying import Replay
    from gateway.records.reading import Stored
    from gateway.settings import Settings

_SINCE = re.compile(r"(\d+)([smhdw])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def replay(
    new: Annotated[
        Path,
        typer.Argument(callback=find, help="The edited policy, or the name of a shipped one.", metavar="NEW"),
    ],
    against: Annotated[
        Path | None,
        typer.Option(
            callback=find,
            help="The policy before the edit: only requests that it decides as recorded are compared.",
            metavar="OLD",
        ),
    ] = None,
    since: Annotated[str, typer.Option(help="How far back: 30m, 24h, 7d, 4w, or all.")] = "7d",
    records: Annotated[
        Path | None,
        typer.Option(
            help="A copy of the records (SQLite), or JSON Lines with its columns (may be .gz); all of it is read. "
            "The gateway's own records when not given."
        ),
    ] = None,
    graded: Annotated[
        Path | None,
        typer.Option(help="JSON Lines (may be .gz) of `request_id` and `score`, 0 to 1; overrides feedback."),
    ] = None,
    requests: Annotated[
        Path | None,
        typer.Option(help="Write every request that changes into this file, one JSON object a line."),
    ] = None,
    plot: Annotated[Path | None, typer.Option(help="Draw the report into this PNG file.")] = None,
    execute: Annotated[
        int, typer.Option(min=0, help="Send this many of the changed requests to their new target, for real.")
    ] = 0,
    prompts: Annotated[
        Path | None,
        typer.Option(
            help="For --execute: JSON Lines of `request_id` and `messages`; records hold no prompts."
        ),
    ] = None,
    max_usd: Annotated[
        float | None, typer.Option(min=0, help="For --execute: stop before this much is spent.")
    ] = None,
    url: Annotated[str, typer.Option(help="For --execute: the running gateway.")] = "http://127.0.0.1:8080",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Decide every recorded request again under an edited policy: what would move, and what that changes.

    Nothing is called and nothing is changed, unless --execute asks for it. A figure without evidence is not given:
    the last part of the report lists what cannot be known. Exit code 0: replayed. 1: no records. 2: findings.
    """
    from gateway.cli.policy.replaying import Replay
    from gateway.records.reading import RecordsUnreadable
    from routers.graded import GradedFileError

    start, begin = time.perf_counter(), _begin(since) if records is None else 0.0
    if execute and (prompts is None or max_usd is None):
        raise typer.BadParameter("--execute needs --prompts FILE and --max-usd", param_hint="--execute")
    job = Replay.prepare(new, against)
    try:
        report = job.run(_stored(job.settings, records, begin), graded)
    except (RecordsUnreadable, GradedFileError) as error:
        raise _stopped(str(error)) from None
    if not report.read:
        where = str(records) if records else f"the last {since}"
        raise _stopped(f"there are no records in {where}; requests that the gateway answers are recorded")
    if requests is not None:
        _write(requests, job)
    if plot is not None:
        from gateway.cli.policy.replay_plot import save_plot

        save_plot(report, plot)
    executed = None
    if execute and prompts is not None and max_usd is not None:
        from gateway.cli.policy.replay_execute import Run, read_prompts

        run = Run(job, url, max_usd, quiet=as_json)
        executed = run.execute(read_prompts(prompts), execute)
    if as_json:
        print(json.dumps(report.as_json() | ({"executed": executed.as_json()} if executed else {}), indent=2))
    else:
        from gateway.cli.policy.replay_report import print_executed, print_report

        print_report(report, time.perf_counter() - start)
        if executed is not None:
            print_executed(executed)


def _begin(since: str) -> float:
    """Unix time from which on records are read."""
    if since == "all":
        return 0.0
    found = _SINCE.fullmatch(since)
    if found is None:
        raise typer.BadParameter(
            f"{since!r} is no span of time; write 30m, 24h, 7d, 4w or all", param_hint="--since"
        )
    return time.time() - int(found[1]) * _SECONDS[found[2]]


def _stored(settings: Settings, file: Path | None, begin: float) -> Iterator[Stored]:
    from gateway.records.reading import read_database, read_file

    if file is not None:
        return read_file(file, begin)
    own = settings.data_dir / "records.db"
    if settings.database_url is None:
        return read_file(own, begin)
    return read_database(settings.records_url, begin)


def _write(file: Path, job: Replay) -> None:
    try:
        with file.open("w", encoding="utf-8") as out:
            out.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in job.changed())
    except OSError as error:
        raise _stopped(f"{file}: {(error.strerror or 'cannot be written').lower()}") from None


def _stopped(message: str) -> typer.Exit:
    print(f"error: {message}", file=sys.stderr)
    return typer.Exit(1)
