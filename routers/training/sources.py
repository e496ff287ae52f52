"""Reads the training folder: which file teaches which head, under which licence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from routers.labels import canonical_domain
from routers.signals import RequestText
from routers.training.examples import Example, Holdout, part_of, read_rows

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LICENCES: Final = {
    "mmlu_pro": "Apache-2.0",
    "mmlu_slice": "MIT",
    "clinc150": "CC BY 3.0",
    "banking77": "CC BY 4.0",
    "bbh": "MIT",
    "humaneval": "MIT",
    "mbpp": "CC BY 4.0",
    "gsm8k_train": "MIT",
    "svamp": "MIT",
    "mawps": "MIT",
    "aqua": "Apache-2.0",
    "college_math": "CC BY",
    "math_l5": "MIT",
    "writingbench": "Apache-2.0",
    "ncbi": "CC BY 4.0",
    "bc5cdr": "CC BY 4.0",
    "wikisql": "BSD-3-Clause",
}
"""Sources of `domains.jsonl.gz` that are used. LegalBench (licences differ by task, not all checked) and the
JavaScript rows (carrier without a licence) are not."""

OUTCOME_FILES: Final = {
    "outcomes_mmlu_pro": "Apache-2.0",
    "outcomes_llmrouter": "MIT",
    "outcomes_zeroeval_crux": "Apache-2.0",
    "outcomes_zeroeval_math_l5": "Apache-2.0",
}
"""Graded answers that are used. RouterDC and RouterBench state no licence: they serve evaluation alone."""

_GRADED_ALIKE: Final = "accuracy"
_UNCLEAR_MODELS: Final = frozenset({"deepseek-unversioned", "gpt-4o"})  # known only by a folder's name
_QUESTION_ANSWERING: Final = (
    "natural_qa",
    "trivia_qa",
    "commonsense_qa",
    "openbook_qa",
    "arc_challenge",
    "mmlu",
)


def domain_examples(data: Path, holdout: Holdout) -> Iterator[Example]:
    """Requests with a task, a domain, or both. None of them carries personal data or an injection."""
    for name in ("domains", "domains_mmlu_slice"):
        for row in read_rows(data / "routing" / f"{name}.jsonl.gz"):
            prompt = row["prompt"]
            if row["source"] not in LICENCES or prompt in holdout:
                continue
            # A bare sentence of an abstract asks for nothing; it still has a domain.
            yield Example(
                text=RequestText(user=prompt),
                source=row["source"],
                part=part_of(prompt),
                task=row["task"],
                domain=canonical_domain(row["domain"] or ""),
                pii=False if row["source"] not in ("writingbench", "ncbi", "bc5cdr") else None,
                injection=False,
            )


def question_examples(data: Path, holdout: Holdout) -> Iterator[Example]:
    """Questions without options, from TREC and from the graded question sets."""
    for part in ("train", "dev"):
        for row in read_rows(data / "tasks" / "question_type" / f"{part}.jsonl.gz"):
            text = row["text"].replace(" ?", "?").replace(" 's", "'s")
            if text not in holdout and row["text"] not in holdout:
                yield _question(text, "trec", "other")
    for row in read_rows(data / "routing" / "outcomes_llmrouter.jsonl.gz"):
        name = row["source"].removeprefix("llmrouter/")
        if name in _QUESTION_ANSWERING and row["prompt"] not in holdout:
            yield _question(row["prompt"], name, "other" if name in ("natural_qa", "trivia_qa") else None)


def _question(text: str, source: str, domain: str | None) -> Example:
    return Example(
        text=RequestText(user=text),
        source=source,
        part=part_of(text),
        task="question answering",
        domain=domain,
        injection=False,
    )


def injection_examples(data: Path, holdout: Holdout) -> Iterator[Example]:
    """Public jailbreak prompts, and other texts of the same lengths. The file's own dev rows stay dev."""
    for name in ("train", "dev"):
        for row in read_rows(data / "tasks" / "injection" / f"{name}.jsonl.gz"):
            if row["text"] in holdout or row["source"] == "legalbench":
                continue
            part = "dev" if name == "dev" else part_of(row["text"])
            yield Example(
                text=RequestText(user=row["text"]),
                source=f"injection/{row['source']}",
                part="train" if part == "dev" and name == "train" else part,
                injection=row["label"] == "injection",
            )


def outcome_examples(
    data: Path, holdout: Holdout, files: tuple[str, ...] = tuple(OUTCOME_FILES)
) -> Iterator[Example]:
    """Requests with graded answers; only grades of correctness, not of wording."""
    for name in files:
        for row in read_rows(data / "routing" / f"{name}.jsonl.gz"):
            if row["metric"] != _GRADED_ALIKE or row["prompt"] in holdout:
                continue
            yield Example(
                text=RequestText(user=row["prompt"]),
                source=row["source"],
                part=part_of(row["prompt"]),
                outcomes=_pooled(row["outcomes"]),
            )


def model_name(name: str) -> str:
    """One spelling for a model that files spell differently."""
    name = name.lower().split("/")[-1].split("@")[0].removeprefix("meta-").replace("_", ".")
    return (
        name.replace("405b-inst-fp8", "405b-instruct")
        .replace("405b-inst", "405b-instruct")
        .replace("instructruct", "instruct")
    )


def _pooled(outcomes: dict[str, float]) -> dict[str, float]:
    """Mean grade by model, over the spellings of its name."""
    grades: dict[str, list[float]] = {}
    for name, grade in outcomes.items():
        if name not in _UNCLEAR_MODELS:
            grades.setdefault(model_name(name), []).append(float(grade))
    return {name: sum(values) / len(values) for name, values in grades.items()}
