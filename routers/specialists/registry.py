"""Which specialists exist and what each can do, read from their `config.json`; loads no weights."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

SHIPPED_DIR = Path(__file__).resolve().parent.parent / "weights" / "specialists"

Probability = Annotated[float, Field(ge=0, le=1)]


class SpecialistError(ValueError):
    """A specialist cannot be found or its folder is wrong; the message says which file and what to change."""


class HeldOut(BaseModel):
    """A figure on texts that training never saw."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    data: str
    rows: int = Field(gt=0)
    accuracy: Probability
    interval: tuple[Probability, Probability]
    """95 % bootstrap interval of the accuracy."""
    macro_f1: Probability
    calibration_error: Probability
    """Expected calibration error of the top label, 15 bins, after temperature scaling."""


class HeldOutSpans(BaseModel):
    """A figure of entities on texts that training never saw: a span counts when both ends and label agree."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    data: str
    rows: int = Field(gt=0)
    entities: int = Field(ge=0)
    precision: Probability
    recall: Probability
    f1: Probability
    interval: tuple[Probability, Probability]
    """95 % bootstrap interval of F1, texts resampled."""


class SpecialistCard(BaseModel):
    """What `config.json` in a specialist's folder says: enough to choose it, to ask it and to load it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1]
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    kind: Literal["text-classification", "token-classification"]
    description: str
    labels: tuple[str, ...] = Field(min_length=2)
    """Classes of a text, or kinds of entity."""
    base: str
    """Catalogue name of the encoder that the adapter was trained on."""
    base_sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    """Digest of the encoder's `model.safetensors`; another encoder would give nonsense."""
    licence: str
    language: str = "en"
    temperature: float = Field(gt=0)
    max_tokens: int = Field(default=256, ge=8, le=512)
    """Most tokens of a text that are read, as in training; of a longer one its head and its tail."""
    held_out: tuple[HeldOut, ...] = ()
    held_out_spans: tuple[HeldOutSpans, ...] = ()
    words: dict[str, tuple[str, ...]]
    """Label -> how callers name it, lower-case; needed to recognise the label set of a chat request."""
    subjects: tuple[str, ...] = ()
    """How callers name what is classified, e.g. `sentiment`, `polarity`; lower-case."""
    foreign_words: tuple[str, ...] = ()
    """Classes that callers may ask for and this specialist lacks, e.g. `neutral`; lower-case."""
    vocabulary: tuple[str, ...] = ()
    """Further words that an instruction for this specialist may have; lower-case."""
    reads_requests: bool = False
    """Whether the texts are themselves questions or requests, which are not to be taken for instructions."""
    moderation: dict[str, str] = {}
    """Label -> the category of OpenAI's moderation endpoint that it stands for."""
    identifiers: dict[str, str] = {}
    """Kind of identifier that form and checksum tell (`routers/identifiers.py`) -> label of the entity it is."""
    unlabelled: dict[str, tuple[str, ...]] = {}
    """Corpus, as rows name it in `source` -> kinds of entity that it does not mark."""
    out_of_scope: str | None = None
    """The label of texts that no other label fits."""
    scope_threshold: Probability = 0.0
    """Below this confidence a text is given the `out_of_scope` label."""

    @model_validator(mode="after")
    def _words_belong_to_one_label(self) -> SpecialistCard:
        if set(self.words) != set(self.labels):
            raise ValueError("`words` must have one entry for each of `labels`")
        if self.out_of_scope is not None and self.out_of_scope not in self.labels:
            raise ValueError("`out_of_scope` must be one of `labels`")
        owner: dict[str, str] = dict.fromkeys(self.foreign_words, "foreign_words")
        for label, words in self.words.items():
            for word in words:
                if owner.setdefault(word, label) != label:
                    raise ValueError(f"`{word}` names both `{owner[word]}` and `{label}`")
        return self


def read_card(folder: Path) -> SpecialistCard:
    """Read and validate `config.json` of a specialist's folder; raises SpecialistError."""
    path = folder / "config.json"
    try:
        return SpecialistCard.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise SpecialistError(f"{path} is missing: the folder is no specialist") from None
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "file"
        raise SpecialistError(f"{path}: {where}: {first['msg']}") from None


def shipped(weights_dir: Path = SHIPPED_DIR) -> dict[str, SpecialistCard]:
    """Return the specialists of a weights folder by name, in alphabetical order."""
    cards = [read_card(path.parent) for path in sorted(weights_dir.glob("*/config.json"))]
    return {card.name: card for card in cards}


def find(name_or_dir: str | Path, weights_dir: Path = SHIPPED_DIR) -> tuple[Path, SpecialistCard]:
    """Return folder and card of a shipped specialist by name, or of any specialist by its folder.

    Raises SpecialistError, naming the specialists that exist, when there is neither.
    """
    folder = Path(name_or_dir)
    if isinstance(name_or_dir, str) and "/" not in name_or_dir:
        folder = weights_dir / name_or_dir
        if not (folder / "config.json").is_file():
            known = (
                ", ".join(sorted(path.parent.name for path in weights_dir.glob("*/config.json"))) or "none"
            )
            raise SpecialistError(f"no specialist is called `{name_or_dir}` (shipped: {known})")
    return folder, read_card(folder)
