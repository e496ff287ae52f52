"""Model folders from the Hugging Face hub: safetensors, GGUF and text files only, never code or pickles."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from routers.catalogue import CatalogueError

if TYPE_CHECKING:
    from collections.abc import Callable

PREFIX = "hf:"
_NAME = re.compile(r"hf:(?P<repo>[\w.-]+/[\w.-]+)(?:@(?P<revision>[\w.-]+))?")
_WANTED = ("*.safetensors", "*.gguf", "*.json", "*.txt", "*.model", "*.jinja", "*.md", "LICENSE*")
_WEIGHTS = (".safetensors", ".gguf")


def pull_from_hub(
    name: str,
    model_dir: Path,
    progress: Callable[[str], None],
    *,
    download: Callable[[str, str | None, Path], None] | None = None,
) -> Path:
    """Fetch `hf:ORG/NAME` or `hf:ORG/NAME@REVISION` into `model_dir/NAME` and return that folder.

    A folder that is there is left as it is: the hub gives no hash to check it against, so pin a revision (a commit)
    where that matters. Raises CatalogueError.
    """
    found = _NAME.fullmatch(name)
    if found is None:
        raise CatalogueError(f"`{name}` is not hf:ORG/NAME or hf:ORG/NAME@REVISION")
    folder = model_dir.expanduser() / found["repo"].split("/")[1]
    if folder.exists():
        progress(f"{folder.name} is in {folder}")
        return folder
    progress(f"downloading {name} from the hub")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".hub-", dir=folder.parent) as scratch:
        snapshot = Path(scratch) / "model"
        (download or _snapshot)(found["repo"], found["revision"], snapshot)
        if not any(path.suffix in _WEIGHTS for path in snapshot.rglob("*")):
            raise CatalogueError(
                f"`{found['repo']}` has neither .safetensors nor .gguf weights; nothing was kept"
            )
        snapshot.rename(folder)
    progress(f"{folder.name} is in {folder}")
    return folder


def _snapshot(repo: str, revision: str | None, into: Path) -> None:
    try:
        from huggingface_hub import snapshot_download

        snapshot_download(repo, revision=revision, local_dir=into, allow_patterns=list(_WANTED))
    except Exception as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise CatalogueError(f"the hub did not give `{repo}`: {reason}") from error
