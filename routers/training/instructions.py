"""Builds requests for language tasks: an instruction as people write it around a text of a public set."""

from __future__ import annotations

import random
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from routers.labels import TASKS
from routers.signals import RequestText
from routers.training.examples import PARTS, Example, Holdout, Part, part_of, read_rows
from routers.training.personal import is_personal, labels_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_PHRASINGS: Final = Path(__file__).parent / "phrasings.toml"
_NATIVE: Final = {
    "sentiment": ("movie_review", "product_review"),
    "emotion": ("toxicity", "movie_review"),
    "spam": ("spam_sms", "spam_email"),
    "moderation": ("toxicity",),
    "entity extraction": ("ner_open", "ner_biomedical", "pii"),
    "intent": ("intent_clinc150", "intent_banking77"),
    "classification": ("headlines", "question_type", "spam_sms"),
    "summarisation": ("spam_email", "abstract"),
    "code": ("program",),
}
"""Texts that usually come with a task. As many requests take any text, so that a text tells little."""
_DOMAINS: Final = {
    "ner_biomedical": "health",
    "intent_banking77": "customer service",
    "headlines": "finance",
    "movie_review": "literature & arts",
    "question_type": "other",
}
"""Domain of a request about such a text; other texts are about anything."""
_PERSONAL: Final = {"ner_open": None, "spam_email": None}
"""Sets whose texts may hold personal data, nobody knows which; the others hold none."""
_NATIVE_SHARE: Final = 0.5
_LONGEST_PAYLOAD: Final = 1500


@dataclass(frozen=True, slots=True)
class Payload:
    """A text to do something with."""

    text: str
    pii: bool | None
    domain: str | None
    part: Part


class InstructionWriter:
    """Draws requests from the phrasings; deterministic for a seed."""

    def __init__(self, payloads: Mapping[str, Sequence[Payload]], *, part: Part, seed: str) -> None:
        self._rng = random.Random(f"{seed}/{part}")
        self._part: Part = part
        self._pools = {name: [p for p in pool if p.part == part] for name, pool in payloads.items()}
        self._all = [p for name, pool in self._pools.items() if name != "program" for p in pool]
        self._table: dict[str, Any] = tomllib.loads(_PHRASINGS.read_text(encoding="utf-8"))
        self._slots = self._table["slots"]

    def write(self, count: int) -> Iterator[Example]:
        """`count` requests, the tasks with a payload in equal shares."""
        tasks = [task for task in TASKS if self._phrasings(task)]
        for index in range(count):
            yield self._wrapped(tasks[index % len(tasks)])

    def alone(self, repeats: int) -> Iterator[Example]:
        """Requests without a payload, each phrasing up to `repeats` times with other slots and prefaces."""
        for task, table in self._table.items():
            if task == "slots":
                continue
            # Everyday questions are kept apart in the file only to be easy to find.
            label = "question answering" if task == "everyday" else task
            domain = {"chat": "everyday chat", "code": "code", "math": "math"}.get(task)
            for phrasing in self._alone(table):
                for turn in range(repeats):
                    text = self._filled(phrasing, table)
                    if turn:
                        text = self._perturbed(text, polite=task != "chat")
                    yield Example(
                        text=RequestText(user=text, system=self._role()),
                        source=f"alone/{task}",
                        part=self._part,
                        task=label,
                        domain=domain,
                        pii=False,
                        injection=False,
                    )

    def _phrasings(self, task: str) -> Sequence[str]:
        table = self._table.get(task, {})
        return list(table.get("train" if self._part == "train" else "dev", ()))

    def _alone(self, table: Mapping[str, Any]) -> Sequence[str]:
        return list(table.get("alone" if self._part == "train" else "dev_alone", ()))

    def _wrapped(self, task: str) -> Example:
        rng, table = self._rng, self._table[task]
        payload = self._payload(task)
        instruction = self._filled(rng.choice(self._phrasings(task)), table)
        if rng.random() < 0.3:
            instruction = self._prefaced(instruction)
        if rng.random() < 0.35:
            instruction = f"{instruction} {rng.choice(self._slots['suffix'])}"
        if rng.random() < 0.15:
            text = RequestText(
                user=payload.text, system=f"{self._role(always=rng.random() < 0.3)} {instruction}".strip()
            )
        else:
            delimiter = rng.choice(self._slots["delimiters"])
            text = RequestText(user=delimiter.format(i=instruction, p=payload.text), system=self._role())
        return Example(
            text=text,
            source=f"instruction/{task}",
            part=self._part,
            task=task,
            domain=payload.domain,
            pii=payload.pii,
            injection=False,
        )

    def _payload(self, task: str) -> Payload:
        native = _NATIVE.get(task, ())
        if native and (task == "code" or self._rng.random() < _NATIVE_SHARE):
            return self._rng.choice(self._pools[self._rng.choice(native)])
        return self._rng.choice(self._all)

    def _filled(self, phrasing: str, table: Mapping[str, Any]) -> str:
        labels = table.get("labels", ("A or B",))
        for slot, values in (*self._slots.items(), ("labels", labels)):
            while f"{{{slot}}}" in phrasing:
                phrasing = phrasing.replace(f"{{{slot}}}", self._rng.choice(values), 1)
        return phrasing

    def _prefaced(self, instruction: str) -> str:
        polite: str = self._rng.choice(self._slots["polite"])
        return polite + instruction[:1].lower() + instruction[1:]

    def _perturbed(self, text: str, *, polite: bool) -> str:
        """The same request in lower case, without its last mark, or with a preface."""
        rng = self._rng
        if polite and rng.random() < 0.3:
            text = self._prefaced(text)
        if rng.random() < 0.3:
            text = text.lower()
        return text.rstrip("?.!") if rng.random() < 0.3 else text

    def _role(self, *, always: bool = False) -> str:
        role: str = self._rng.choice(self._slots["roles"])
        return role if always or self._rng.random() < 0.15 else ""


def read_payloads(data: Path, holdout: Holdout) -> dict[str, list[Payload]]:
    """Texts by kind. Sets that exist only under the terms of a social network's API are left out."""
    files = {
        "movie_review": ("sentiment/mr", "sentiment/train"),
        "product_review": ("sentiment/cr",),
        "toxicity": ("toxicity/train",),
        "spam_sms": ("spam_sms/train",),
        "spam_email": ("spam_email/train",),
        "intent_clinc150": ("intent_clinc150/train",),
        "intent_banking77": ("intent_banking77/train",),
        "headlines": ("headlines/train",),
        "question_type": ("question_type/train",),
        "pii": ("pii/train",),
        "ner_open": ("ner_open/train",),
        "ner_biomedical": ("ner_biomedical/train",),
    }
    pools: dict[str, list[Payload]] = {}
    for name, paths in files.items():
        rows = (row for path in paths for row in read_rows(data / "tasks" / f"{path}.jsonl.gz"))
        texts = ((row["text"] if "text" in row else detokenise(row["tokens"]), row) for row in rows)
        pools[name] = [
            Payload(
                text=text[:_LONGEST_PAYLOAD],
                pii=is_personal(labels_of(row)) if name == "pii" else _PERSONAL.get(name, False),
                domain=_DOMAINS.get(name),
                part=part_of(text),
            )
            for text, row in texts
            if text not in holdout
        ]
    pools["abstract"] = _joined(pools["ner_biomedical"])
    pools["program"] = [
        Payload(text=row["prompt"], pii=False, domain="code", part=part_of(row["prompt"]))
        for row in read_rows(data / "routing" / "domains.jsonl.gz")
        if row["source"] in ("humaneval", "mbpp") and row["prompt"] not in holdout
    ]
    return pools


def _joined(sentences: Sequence[Payload], size: int = 6) -> list[Payload]:
    """Runs of sentences as paragraphs; a paragraph holds sentences of one part only."""
    paragraphs = []
    for part in PARTS:
        own = [p for p in sentences if p.part == part]
        for start in range(0, len(own) - size, size):
            text = " ".join(p.text for p in own[start : start + size])
            paragraphs.append(Payload(text=text[:_LONGEST_PAYLOAD], pii=False, domain="health", part=part))
    return paragraphs


def detokenise(tokens: Sequence[str]) -> str:
    """Words joined as prose: no space before closing marks, none after opening ones."""
    text = " ".join(tokens)
    for mark in (".", ",", ";", ":", "?", "!", ")", "]", "%", "'s", "n't"):
        text = text.replace(f" {mark}", mark)
    return text.replace("( ", "(").replace("[ ", "[")
