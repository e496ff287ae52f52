"""The training recipe: what counts as the same text, what is held out, and that training is repeatable."""

from __future__ import annotations

import gzip
import hashlib
import json
import random
import zipfile

import numpy as np
import pytest
import torch

from routers.artifact import load
from routers.calibration import Platt
from routers.encoder import EVIDENCE_WIDTH, PAIR_WIDTH
from routers.features import FEATURES
from routers.labels import DOMAINS, TASKS
from routers.signals import RequestText
from routers.tokenizer import Tokenizer
from routers.training import sources
from routers.training.base import BaseError, read_base
from routers.training.calibrate import raw_logits
from routers.training.examples import PARTS, Example, Holdout, normalise, part_of, stem
from routers.training.instructions import InstructionWriter, Payload, detokenise
from routers.training.labelling import fit_flags, fit_labels, outputs, targets_of
from routers.training.languages import read_catalogues, train_language_head
from routers.training.network import Network, prepare
from routers.training.outcomes import AbilityNetwork, fit_abilities, graded, reformatted
from routers.training.train import export, static_tensors

QUESTION = "What melts?\nA. ice\nB. fire\nAnswer:"
WORDS = (
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "sort",
    "this",
    "tell",
    "me",
    "a",
    "joke",
    "sum",
    "up",
    ".",
    "?",
    "the",
)


def toy_examples() -> list[Example]:
    """Forty rows of two tasks that four words tell apart."""
    rows = []
    for index in range(40):
        task, domain, words = [
            ("chat", "everyday chat", "tell me a joke"),
            ("code", "code", "sort this sum"),
        ][index % 2]
        text = RequestText(user=f"{words} {'. ' * (index % 5)}")
        rows.append(Example(text, "toy", "train", task, domain, pii=index % 2 == 0, injection=index % 4 == 0))
    return rows


def toy_network(rows: list[Example], tokenizer: Tokenizer) -> tuple[Network, list]:
    """A network fitted on the toy rows."""
    prepared = [prepare(tokenizer, row.text) for row in rows]
    torch.manual_seed(0)
    vectors = np.random.default_rng(0).normal(size=(len(WORDS), 8)).astype(np.float32)
    network = Network(vectors, np.stack([p.features for p in prepared]), len(TASKS), len(DOMAINS))
    fit_labels(network, prepared, prepared, targets_of(rows, TASKS, DOMAINS), epochs=3, seed=0)
    return network, prepared


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory):
    """A wheel with message catalogues of three languages, as Django lays them out."""
    path = tmp_path_factory.mktemp("wheel") / "Django.whl"
    german = ["Bitte wählen Sie einen Wert", "Diese Seite wurde nicht gefunden", "Das Kennwort ist falsch"]
    french = ["Veuillez choisir une valeur", "Cette page est introuvable", "Le mot de passe est incorrect"]
    english = ["Please choose a value", "This page was not found", "The password is wrong"]
    with zipfile.ZipFile(path, "w") as wheel:
        for code, messages in (("de", german), ("fr", french)):
            entries = [
                f'msgid "{e} {n}"\nmsgstr "{m} %(n)s {n}"\n'
                for n in range(30)
                for e, m in zip(english, messages, strict=True)
            ]
            wheel.writestr(f"django/conf/locale/{code}/LC_MESSAGES/django.po", "\n".join(entries))
    return path


def test_texts_that_differ_in_case_and_marks_are_one() -> None:
    """Normalising keeps letters and digits of ASCII; the stem ends before the first option."""
    assert normalise("What's 2+2?") == "whats22"
    assert stem(QUESTION) == "What melts?"
    assert part_of("What melts") == part_of("what MELTS?") == part_of(QUESTION)
    assert {part_of(str(number)) for number in range(200)} == set(PARTS)


def test_a_held_out_question_is_found_with_and_without_its_options(tmp_path) -> None:
    """The digest of the stem alone keeps the whole prompt out."""
    path = tmp_path / "holdout.txt.gz"
    with gzip.open(path, "wt") as file:
        file.write(hashlib.sha1(b"whatmelts", usedforsecurity=False).hexdigest() + "\n")
    holdout = Holdout.read(path)
    assert QUESTION in holdout
    assert "what melts" in holdout
    assert "what freezes" not in holdout


def test_held_out_and_unlicensed_rows_are_not_read(tmp_path) -> None:
    """A row on the hold-out list and a row of a source without a licence never become examples."""
    (tmp_path / "routing").mkdir()
    row = {"domain": "math", "task": "math", "domain_original": "math"}
    rows = [
        {**row, "prompt": "What is 1 + 1?", "source": "svamp"},
        {**row, "prompt": "held out", "source": "svamp"},
        {**row, "prompt": "const f = 1", "source": "javascript"},
    ]
    for name in ("domains", "domains_mmlu_slice"):
        with gzip.open(tmp_path / "routing" / f"{name}.jsonl.gz", "wt") as file:
            file.writelines(json.dumps(r) + "\n" for r in (rows if name == "domains" else []))
    holdout = Holdout(frozenset({hashlib.sha1(b"heldout", usedforsecurity=False).hexdigest()}))
    assert [e.text.user for e in sources.domain_examples(tmp_path, holdout)] == ["What is 1 + 1?"]


def test_model_names_of_different_files_meet() -> None:
    """The reference model has one name, however a file spells it."""
    names = ("Meta-Llama-3_1-8B-Instruct", "Meta-Llama-3.1-8B-Instruct", "llama-3.1-8b-instruct")
    assert {sources.model_name(name) for name in names} == {"llama-3.1-8b-instruct"}
    assert sources.model_name("Llama-3.1-405B-Inst-fp8") == sources.model_name(
        "Meta-Llama-3.1-405B-Instruct@hyperbolic"
    )


def test_instructions_are_drawn_alike_for_a_seed_and_apart_by_part() -> None:
    """The same seed writes the same requests, and no phrasing serves both train and dev."""
    pool = [
        Payload(f"text number {n}", pii=False, domain=None, part=part) for n in range(30) for part in PARTS
    ]
    kinds = (
        "movie_review",
        "product_review",
        "toxicity",
        "spam_sms",
        "spam_email",
        "ner_open",
        "ner_biomedical",
        "pii",
        "intent_clinc150",
    )
    payloads = dict.fromkeys(
        (*kinds, "intent_banking77", "headlines", "question_type", "abstract", "program"), pool
    )
    drawn = [list(InstructionWriter(payloads, part="train", seed="1").write(60)) for _ in range(2)]
    assert drawn[0] == drawn[1]
    assert all("text number" in e.text.user for e in drawn[0])
    alone = {p: {e.text.user for e in InstructionWriter(payloads, part=p, seed="1").alone(1)} for p in PARTS}
    assert not alone["train"] & alone["dev"]
    assert "What is the capital of France?" in alone["dev"]


def test_reformatting_keeps_the_question() -> None:
    """Options may go or change their marks, the stem stays."""
    rng = random.Random(0)  # noqa: S311 - draws formats, not secrets
    variants = {reformatted(QUESTION, rng) for _ in range(60)}
    assert all("What melts?" in variant for variant in variants)
    assert any("(A) ice" in variant for variant in variants)
    assert any("ice" not in variant for variant in variants)


def test_tokens_are_joined_as_prose() -> None:
    """No space before closing marks."""
    assert detokenise(["He", "said", "(", "twice", ")", ":", "no", "."]) == "He said (twice): no."


def test_base_vectors_of_another_hash_are_refused(tmp_path) -> None:
    """The message names both hashes; a missing file is named too."""
    with pytest.raises(BaseError, match=r"model\.safetensors is missing"):
        read_base(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"other")
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(BaseError, match="expected f65d0f32"):
        read_base(tmp_path)


def test_the_served_arithmetic_is_the_trained_one_and_training_repeats(tmp_path, catalogue) -> None:
    """An exported toy network gives the same logits in numpy as in torch, and the same bytes when trained again."""
    tokenizer, rows = Tokenizer(WORDS), toy_examples()
    language, report = train_language_head(read_catalogues(catalogue), ["tell me about the weather"] * 3)
    assert report["n"] > 0
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        network, prepared = toy_network(rows, tokenizer)
        torch.manual_seed(0)
        ability = AbilityNetwork(network.width, 2)
        export(
            folder,
            WORDS,
            network,
            static_tensors(network),
            ability,
            ("llama-3.1-8b-instruct", "other"),
            language,
        )
    assert (folders[0] / "model.safetensors").read_bytes() == (folders[1] / "model.safetensors").read_bytes()
    assert np.abs(network.direct.weight.detach().numpy()).max() > 0.001, (
        "the direct path to the flags is used"
    )
    _, task, domain, flags = outputs(network, prepared)
    served = raw_logits(load(folders[0]), rows)
    for trained, numpy_side in ((task, served.task), (domain, served.domain), (flags, served.flags)):
        assert np.abs(trained - numpy_side).max() < 0.05


def test_flags_are_fitted_again_on_the_trained_encoding_and_alike_twice() -> None:
    """A network whose layers to the flags are wiped out tells them apart again; task and domain stay as they were."""
    rows = toy_examples()
    network, prepared = toy_network(rows, Tokenizer(WORDS))
    _, task, domain, _ = outputs(network, prepared)
    fitted = []
    for _ in range(2):
        with torch.no_grad():
            network.flags.weight.zero_()
            network.direct.weight.zero_()
        fit_flags(network, prepared * 30, targets_of(rows * 30, TASKS, DOMAINS), seed=0)
        fitted.append(outputs(network, prepared))
    assert np.array_equal(fitted[0][3], fitted[1][3])
    assert np.array_equal(fitted[0][1], task)
    assert np.array_equal(fitted[0][2], domain)
    personal = np.array([bool(row.pii) for row in rows])
    assert fitted[0][3][personal, 0].min() > fitted[0][3][~personal, 0].max()


def test_abilities_order_models_by_what_they_answer() -> None:
    """A model that answers everything ends above one that answers nothing."""
    rng = np.random.default_rng(0)
    examples = [
        Example(RequestText(user=str(n)), "toy", "train", outcomes={"good": 1.0, "poor": float(n % 5 == 0)})
        for n in range(60)
    ]
    data = graded(examples)
    width = 6 * 4 + PAIR_WIDTH + EVIDENCE_WIDTH + len(FEATURES)
    network = fit_abilities(rng.normal(size=(60, width)).astype(np.float32), data, epochs=300, quiet=True)
    vectors = dict(zip(data.models, network.vectors.detach().numpy(), strict=True))
    assert vectors["good"][0] > vectors["poor"][0]
    assert Platt()(0.0) == 0.5
