"""Where a request is read: on the event loop, or beside it."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

import pytest

from gateway.classify import classify
from gateway.errors import StartupError
from gateway.services import load_classifier
from gateway.settings import Settings
from routers.classifier import RequestClassifier
from routers.signals import RequestText, Signals


@dataclass
class Recording:
    """The shipped classifier, which notes the thread it was called on."""

    quick: bool
    version: str = "0" * 12
    threads: list[int] = field(default_factory=list)

    def classify(self, text: RequestText) -> Signals:
        """Signals of the shipped classifier."""
        self.threads.append(threading.get_ident())
        return RequestClassifier.load().classify(text)


@pytest.mark.parametrize("quick", [True, False])
async def test_a_slow_classifier_does_not_hold_the_loop(quick) -> None:
    """A quick one is called where it stands, one that takes milliseconds on a thread of its own."""
    recording = Recording(quick)
    signals = await classify(recording, RequestText(user="What is the capital of France?"))
    assert signals.task == "question answering"
    assert (recording.threads == [threading.get_ident()]) is quick


def test_the_shipped_classifier_is_quick() -> None:
    """Static embeddings are read on the loop."""
    assert RequestClassifier.load().quick


def test_a_chosen_folder_without_a_classifier_is_a_finding(tmp_path) -> None:
    """Starting stops with a finding that names the folder."""
    settings = Settings(classifier=tmp_path / "absent", data_dir=tmp_path)
    with pytest.raises(StartupError) as stopped:
        load_classifier(settings)
    (finding,) = stopped.value.findings
    assert "absent" in finding.message
