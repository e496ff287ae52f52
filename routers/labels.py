"""Names of what the classifier tells apart."""

from __future__ import annotations

from typing import Final

TASKS: Final = (
    "chat",
    "question answering",
    "math",
    "code",
    "text-to-sql",
    "writing",
    "creative",
    "rewriting",
    "summarisation",
    "translation",
    "classification",
    "extraction",
    "sentiment",
    "emotion",
    "spam",
    "moderation",
    "entity extraction",
    "intent",
)
"""What the request asks for. `intent` is also a bare utterance to a voice assistant or a help desk."""

DOMAINS: Final = (
    "biology",
    "business",
    "chemistry",
    "computer science",
    "economics",
    "engineering",
    "health",
    "history",
    "law",
    "math",
    "other",
    "philosophy",
    "physics",
    "psychology",
    "code",
    "customer service",
    "finance",
    "everyday chat",
    "assistant",
    "automotive",
    "food",
    "home",
    "literature & arts",
    "reasoning",
    "travel",
    "utility",
    "work",
)
"""What the request is about: the categories of MMLU-Pro, then those of everyday and business traffic."""

DOMAIN_ALIASES: Final = {
    "medicine": "health",
    "medical": "health",
    "legal": "law",
    "politics & law": "law",
    "banking": "finance",
    "finance & business": "business",
    "advertising & marketing": "business",
    "education": "other",
}
"""Other names in use for the same domains: in training data, and in policies."""

REFERENCE_MODEL: Final = "llama-3.1-8b-instruct"
"""`difficulty` is the probability that this model, an 8-billion-parameter one of 2024, fails."""


def canonical_domain(name: str) -> str | None:
    """The domain that `name` or its alias stands for, None for an unknown name."""
    name = DOMAIN_ALIASES.get(name, name)
    return name if name in DOMAINS else None
