"""Sends a sample of the changed requests to their new target for real, through a running gateway, within a budget."""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final

import aiohttp
import numpy as np

from gateway.cli.learn_report import plain
from gateway.records.effects import MIN_CHANGED
from gateway.records.estimate import Estimate, Sample, Sums
from gateway.records.reading import RecordsUnreadable
from gateway.records.replay import NOBODY

if TYPE_CHECKING:
    from pathlib import Path

    from gateway.cli.policy.replaying import Replay
    from gateway.records.replay import Compared

Json = dict[str, Any]
_SEED: Final = 20_261_124
_TIMEOUT_S: Final = 300.0


def read_prompts(file: Path) -> dict[str, list[Json]]:
    """Messages by request. Raises `RecordsUnreadable` with the line that is wrong."""
    found: dict[str, list[Json]] = {}
    try:
        lines = file.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise RecordsUnreadable(f"{file}: cannot be read: {error}") from error
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            found[str(row["request_id"])] = list(row["messages"])
        except (ValueError, KeyError, TypeError):
            raise RecordsUnreadable(f"{file}:{number}: needs `request_id` and `messages`") from None
    return found


@dataclass(frozen=True, slots=True)
class Executed:
    """What a sample did on its new route."""

    changed: int
    with_prompt: int
    sent: int
    failed: int
    usd: float
    stopped: str
    """Why no more were sent; empty when the sample was sent whole."""
    cost_change_usd: Estimate | None
    """Mean over the answered ones, against what the same requests cost as recorded."""
    time_change_ms: Estimate | None
    answers: list[Json] = field(default_factory=list)

    def as_json(self) -> Json:
        """JSON types only."""
        found: Json = plain(asdict(self))
        return found


class Run:
    """One budgeted run against a gateway."""

    def __init__(self, job: Replay, url: str, max_usd: float, *, quiet: bool) -> None:
        self._job = job
        self._url = url.rstrip("/").removesuffix("/v1")
        self._max_usd = max_usd
        self._out = sys.stderr if quiet else sys.stdout
        self._spent = 0.0
        self._answers: list[Json] = []
        self._pairs: list[tuple[Compared, float, float]] = []

    def execute(self, prompts: dict[str, list[Json]], count: int) -> Executed:
        """Send up to `count` changed requests, drawn at random, until the next one could pass the budget."""
        changed = [row for row in self._job.rows if row.rerouted and row.after != NOBODY]
        able = [row for row in changed if row.request_id in prompts]
        sample = random.Random(_SEED).sample(able, min(count, len(able)))  # noqa: S311 a sample, no secret
        expected = [self._expected(row) for row in sample]
        known = sum(cost for cost in expected if cost is not None)
        unpriced = sum(cost is None for cost in expected)
        print(
            f"Sending up to {len(sample)} of {len(changed)} changed requests to their new target at {self._url}: "
            f"about ${known:.4f} by recorded tokens and list price"
            f"{f', and {unpriced} without a known price are left out' if unpriced else ''}; "
            f"stops before ${self._max_usd:g}.",
            file=self._out,
        )
        priced = [(row, cost) for row, cost in zip(sample, expected, strict=True) if cost is not None]
        stopped = asyncio.run(self._send(priced, prompts))
        return Executed(
            changed=len(changed),
            with_prompt=len(able),
            sent=len(self._answers),
            failed=sum(answer["error"] is not None for answer in self._answers),
            usd=self._spent,
            stopped=stopped,
            cost_change_usd=_paired([(r.cost_usd, cost) for r, cost, _ in self._pairs]),
            time_change_ms=_paired([(r.total_ms, ms) for r, _, ms in self._pairs]),
            answers=self._answers,
        )

    def _expected(self, row: Compared) -> float | None:
        """USD at the recorded tokens, 0 for local targets; None when the price is unknown and no budget could hold."""
        if self._job.new.policy.targets[row.after].kind != "upstream":
            return 0.0
        return self._job.price(row.after, row)

    async def _send(self, sample: list[tuple[Compared, float]], prompts: dict[str, list[Json]]) -> str:
        key = self._job.settings.api_key
        headers = {"cache-control": "no-cache, no-store"}
        if key is not None:
            headers["authorization"] = f"Bearer {key.get_secret_value()}"
        timeout = aiohttp.ClientTimeout(total=_TIMEOUT_S)
        async with aiohttp.ClientSession(headers=headers, timeout=timeout) as session:
            for row, expected in sample:
                if self._spent + expected > self._max_usd:
                    return f"the next request could pass ${self._max_usd:g}"
                try:
                    await self._one(session, row, prompts[row.request_id])
                except aiohttp.ClientConnectionError as error:
                    return f"{self._url} does not answer: {error}"
        return ""

    async def _one(self, session: aiohttp.ClientSession, row: Compared, messages: list[Json]) -> None:
        started = time.perf_counter()
        body = {"model": row.after, "messages": messages}
        async with session.post(f"{self._url}/v1/chat/completions", json=body) as response:
            content = await response.json(content_type=None)
            ms = (time.perf_counter() - started) * 1000
            told = response.headers.get("x-pointsman-cost-usd")
        error = (
            None if response.status == 200 else str(content.get("error", {}).get("message", response.status))
        )
        cost = float(told) if told else None
        self._spent += cost or 0.0
        if error is None:
            self._pairs.append((row, np.nan if cost is None else cost, ms))
        self._answers.append(
            {
                "request_id": row.request_id,
                "target": row.after,
                "new_request_id": response.headers.get("x-request-id"),
                "cost_usd": cost,
                "ms": round(ms, 1),
                "error": error,
            }
        )


def _paired(pairs: list[tuple[float, float]]) -> Estimate | None:
    """The mean of after less before; None below `MIN_CHANGED` pairs."""
    values = np.array([pair for pair in pairs if all(np.isfinite(pair))]).reshape(-1, 2)
    count = len(values)
    if count < MIN_CHANGED:
        return None
    none, zero = np.full(count, -1), np.zeros(count)
    sample = Sample(values[:, 0], zero, zero.astype(bool), values[:, 1], none, none, np.arange(count))
    sums = Sums(sample, seed=_SEED)
    return sums.estimate(sums.dr)
