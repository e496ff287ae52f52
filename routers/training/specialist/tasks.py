"""What a person has to say of a task that its data does not: meaning, licence, and how callers name labels."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class TaskFacts:
    """Facts of one task that go into the specialist's `config.json` and card."""

    description: str
    data_note: str
    words: dict[str, tuple[str, ...]] = field(default_factory=dict)
    subjects: tuple[str, ...] = ()
    foreign_words: tuple[str, ...] = ()
    joined_share: float = 0.0
    spaced: bool = False
    """Whether the corpus has Penn Treebank spacing: then half of every epoch is read with typed spacing."""
    unlabelled: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Source -> labels of entities that it does not mark."""
    identifiers: dict[str, str] = field(default_factory=dict)
    """Kind of identifier that form and checksum tell -> label of the entity it is."""
    replaced: bool = False
    """Whether entities are replaced by others of their label in training."""
    licence: str = ""
    """Licence of the weights, where it is not the command's default."""
    vocabulary: tuple[str, ...] = ()
    """Further words that an instruction for this task may have; lower-case."""
    reads_requests: bool = False
    """Whether the texts are themselves questions or requests."""
    moderation: dict[str, str] = field(default_factory=dict)
    """Label -> the category of OpenAI's moderation endpoint that it stands for."""
    out_of_scope: str | None = None
    """The label of texts that no other label fits."""
    further: str = ""
    """What a user of the card should know besides the figures."""


def plain_words(labels: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """Return label -> its own name in lower case, as it is and with blanks for underscores."""
    found = {}
    for label in labels:
        name = label.lower()
        bare = name.rstrip("?")
        found[label] = tuple(dict.fromkeys((name, bare, bare.replace("_", " "), bare.replace("_", "-"))))
    return found
