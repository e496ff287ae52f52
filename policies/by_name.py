"""The shipped policies, by the names that command lines and settings may give instead of a path."""

from __future__ import annotations

from pathlib import Path

from policies.findings import did_you_mean, quote

LIBRARY = Path(__file__).parent / "library"


class UnknownPolicyError(ValueError):
    """Neither a file nor a shipped policy; the message says what there is."""


def shipped(name: str = "default") -> Path:
    """Where the shipped policy of this name lies."""
    return LIBRARY / f"{name}.yaml"


def shipped_names() -> tuple[str, ...]:
    """Names of the shipped policies, the one that serves by default first."""
    return tuple(
        sorted((path.stem for path in LIBRARY.glob("*.yaml")), key=lambda name: (name != "default", name))
    )


def find_policy(given: Path) -> Path:
    """The file that is meant: the path itself, or else the shipped policy of that name.

    A path with a folder or a suffix is never a name, and comes back as it is, whether or not there is such a file.
    Raises `UnknownPolicyError` for a bare name that is neither.
    """
    name = str(given)
    if given.exists() or given.name != name or given.suffix:
        return given
    if name in shipped_names():
        return shipped(name)
    hint = did_you_mean(name, shipped_names()) or f"; shipped are {', '.join(map(quote, shipped_names()))}"
    raise UnknownPolicyError(f"there is no file {quote(name)}, and no shipped policy of that name{hint}")


def is_shipped(path: Path) -> bool:
    """Whether the file belongs to the installation, and must not be written to."""
    return path.resolve().parent == LIBRARY.resolve()


def purpose(name: str) -> str:
    """What a shipped policy is for, in one line: the first comment of its file that is meant for people."""
    with shipped(name).open(encoding="utf-8") as lines:
        said = (line[1:].strip() for line in lines if line.startswith("#"))
        return next(text for text in said if not text.startswith("yaml-language-server"))
