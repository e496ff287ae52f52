"""Which models are served, and what is said about those that are not there."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from gateway.errors import UnknownModel
from gateway.worker.errors import ModelLoading, ModelUnavailable
from gateway.worker.models import Models, ModelSpec


def test_spec_is_a_name_or_a_name_with_a_path() -> None:
    """The two forms parse; the path's home folder is expanded."""
    assert ModelSpec.parse("sentiment") == ModelSpec("sentiment")
    assert ModelSpec.parse("mine=/opt/m.gguf") == ModelSpec("mine", Path("/opt/m.gguf"))
    assert ModelSpec.parse("mine=~/m").path == Path.home() / "m"


@pytest.mark.parametrize("text", ["", "=x", "name="])
def test_half_a_spec_is_refused(text: str) -> None:
    """A missing name or path is an error that shows what was given."""
    with pytest.raises(ValueError, match="neither NAME nor NAME=PATH"):
        ModelSpec.parse(text)


def test_kind_follows_from_folder_or_name(tmp_path: Path) -> None:
    """A folder with a head is a specialist; a file or another folder is a language model."""
    (tmp_path / "head.safetensors").touch()
    assert ModelSpec("mine", tmp_path).kind == "specialist"
    assert ModelSpec("mine", tmp_path / "m.gguf").kind == "language"
    assert ModelSpec("sentiment").kind == "specialist"
    assert ModelSpec("smollm2-135m-instruct").kind == "language"


async def settled(models: Models) -> dict[str, dict[str, object]]:
    """The report once no model is loading any more."""
    models.start()
    while any(one["state"] == "loading" for one in models.report().values()):  # noqa: ASYNC110 - loaded on a thread
        await asyncio.sleep(0.005)
    return models.report()


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        (ModelSpec("smollm2-135m-instruct"), "run `pointsman models pull smollm2-135m-instruct`"),
        (ModelSpec("sentiment"), "run `pointsman models pull all-minilm-l6-v2`"),
        (ModelSpec("nothing"), "serve it as `nothing=PATH`"),
        (ModelSpec("mine", Path("/nowhere/m.gguf")), "/nowhere/m.gguf"),
    ],
)
async def test_missing_weights_say_how_to_get_them(tmp_path: Path, spec: ModelSpec, says: str) -> None:
    """An absent model is reported as such, with the command that fetches it, and asking it says the same."""
    models = Models([spec], tmp_path)
    report = (await settled(models))[spec.name]
    assert report["state"] == "absent"
    assert says in str(report["detail"])
    with pytest.raises(ModelUnavailable) as error:
        await models.ready(spec.name)
    assert says in error.value.message
    await models.close()


async def test_broken_weights_do_not_take_the_others_down(tmp_path: Path) -> None:
    """A file that is no model fails by itself; the others get their own state."""
    (tmp_path / "broken.gguf").write_bytes(b"this is no GGUF file")
    models = Models([ModelSpec("broken", tmp_path / "broken.gguf"), ModelSpec("gone")], tmp_path)
    report = await settled(models)
    assert {name: one["state"] for name, one in report.items()} == {"broken": "failed", "gone": "absent"}
    assert report["broken"]["detail"]
    await models.close()


async def test_weights_that_come_later_are_found_without_a_restart(tmp_path: Path) -> None:
    """An absent model is looked for again, and leaves that state when its file appears."""
    models = Models([ModelSpec("late", tmp_path / "late.gguf")], tmp_path, look_again_s=0.02)
    assert (await settled(models))["late"]["state"] == "absent"
    (tmp_path / "late.gguf").write_bytes(b"this is no GGUF file")
    async with asyncio.timeout(5):
        while models.report()["late"]["state"] == "absent":  # noqa: ASYNC110 - loaded on a thread
            await asyncio.sleep(0.01)
    assert models.report()["late"]["state"] == "failed"
    await models.close()


async def test_request_waits_a_bounded_time_for_a_loading_model(tmp_path: Path) -> None:
    """A model that does not come in time is an error with a time to come back."""
    models = Models([ModelSpec("slow")], tmp_path, load_wait_s=0.02)
    with pytest.raises(ModelLoading) as error:
        await models.ready("slow")
    assert error.value.retry_after_s


async def test_unknown_model_lists_the_served_ones(tmp_path: Path) -> None:
    """Asking for a model that is not served names those that are."""
    with pytest.raises(UnknownModel, match=r"`other`.*`sentiment`"):
        await Models([ModelSpec("sentiment")], tmp_path).ready("other")
