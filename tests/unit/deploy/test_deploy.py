"""The deployment files name only what exists: settings, options, models, build targets."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from ruamel.yaml import YAML
from typer.main import get_command

from gateway.cli.main import app
from gateway.config import GatewayConfig, load_config
from gateway.settings import Settings
from routers.catalogue import read_catalogue

DEPLOY = Path(__file__).parents[3] / "deploy"
DOCKERFILE = (DEPLOY / "Dockerfile").read_text()
COMPOSE = YAML(typ="safe").load(DEPLOY / "compose.yaml")


def test_the_example_configuration_loads():
    """`gateway.yaml` has no findings, and its upstream arrives."""
    config = load_config(DEPLOY / "gateway.yaml")
    assert isinstance(config, GatewayConfig), config
    assert config.upstreams["vllm"].api_key_env == "VLLM_API_KEY"


def test_the_commented_examples_load_too(tmp_path):
    """What a reader gets by removing the comment signs is valid once the placeholder is filled in."""
    text = (DEPLOY / "gateway.yaml").read_text()
    text = re.sub(r"^# (?=keys:|models:|  - \{|  my-model:)", "", text, flags=re.MULTILINE).replace(
        "<64 hex digits>", "0" * 64
    )
    path = tmp_path / "gateway.yaml"
    path.write_text(text)
    config = load_config(path)
    assert isinstance(config, GatewayConfig), config
    assert config.keys[0].tenant == "support"
    assert "my-model" in config.models


@pytest.mark.parametrize("name", ["Dockerfile", "compose.yaml", "README.md", ".env.example"])
def test_every_named_setting_exists(name):
    """Each POINTSMAN_* variable is a setting of the gateway."""
    named = set(re.findall(r"POINTSMAN_[A-Z_]+", (DEPLOY / name).read_text()))
    assert named
    assert named <= {f"POINTSMAN_{field.upper()}" for field in Settings.model_fields}


def test_images_start_commands_that_exist():
    """Each CMD of the Dockerfile is a command of `pointsman` with options that it has."""
    commands = [json.loads(line) for line in re.findall(r"^CMD (\[.*\])$", DOCKERFILE, flags=re.MULTILINE)]
    assert sorted(command[0] for command in commands) == ["gateway", "worker"]
    for name, *arguments in commands:
        known = {option for parameter in get_command(app).commands[name].params for option in parameter.opts}
        assert {argument for argument in arguments if argument.startswith("--")} <= known


def test_images_pull_models_of_the_catalogue():
    """Every model that the worker image downloads can be pulled."""
    (pulled,) = re.findall(r"models pull (.+)$", DOCKERFILE, flags=re.MULTILINE)
    assert set(pulled.split()) <= set(read_catalogue())


def test_the_composition_builds_targets_of_the_dockerfile():
    """Each `target` is a stage, and the gateway finds worker, Redis and collector by their service names."""
    stages = set(re.findall(r"^FROM \S+ AS (\S+)$", DOCKERFILE, flags=re.MULTILINE))
    services = COMPOSE["services"]
    assert {service["build"]["target"] for service in services.values() if "build" in service} <= stages
    urls = [value for value in services["gateway"]["environment"].values() if "://" in value]
    assert {re.search(r"//([a-z]+)", url)[1] for url in urls} == {"worker", "redis", "collector"}


def test_no_key_has_a_default():
    """The composition does not start without a key of one's own."""
    key = COMPOSE["services"]["gateway"]["environment"]["POINTSMAN_API_KEY"]
    assert key.startswith("${POINTSMAN_API_KEY:?")
    assert "POINTSMAN_API_KEY=\n" in (DEPLOY / ".env.example").read_text()
