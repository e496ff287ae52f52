"""Each foreign library has one owner, and the gateway process stays light."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.architecture.tree import ROOT, imports, name, python_files
from tests.processes import clean_environ

# Library -> where it may be imported: a file, or a folder that ends with a slash.
OWNERS = {
    "litellm": ("gateway/execute/providers.py",),
    "redis": ("gateway/cache/redis.py",),
    "sqlalchemy": ("gateway/records/",),
    "aiohttp": ("gateway/execute/", "gateway/health.py", "gateway/cli/"),
    "prometheus_client": ("gateway/telemetry/", "gateway/app.py"),
    "opentelemetry": ("gateway/telemetry/",),
    "tenacity": ("gateway/attempt.py",),
    "fastapi": ("gateway/app.py", "gateway/api/admin/"),
    "torch": ("routers/specialists/", "routers/training/"),
    "transformers": ("routers/specialists/", "routers/training/"),
    "peft": ("routers/specialists/", "routers/training/"),
    "xllamacpp": ("routers/specialists/",),
    "ruamel": ("policies/",),
    "re2": ("policies/patterns.py",),
}


@pytest.mark.parametrize("library", sorted(OWNERS))
def test_a_foreign_library_is_imported_in_its_place_only(library: str) -> None:
    """Replacing a library, or its next incompatible release, is the matter of one room."""
    elsewhere = [
        name(path)
        for path in python_files("gateway", "routers", "policies")
        if library in imports(path) and not name(path).startswith(OWNERS[library])
    ]
    assert elsewhere == []


@pytest.mark.parametrize("library", sorted(OWNERS))
def test_every_owner_still_needs_its_library(library: str) -> None:
    """The list above names no place that does without."""
    users = [
        name(path) for path in python_files("gateway", "routers", "policies") if library in imports(path)
    ]
    assert [place for place in OWNERS[library] if not any(user.startswith(place) for user in users)] == []


def run(code: str) -> str:
    """Standard output of a fresh interpreter, with warnings as errors of our own modules left to other tests."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=clean_environ(),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_gateway_process_imports_no_model_library() -> None:
    """Neither torch nor transformers nor litellm is loaded by starting a gateway: they cost seconds and memory."""
    heavy = ["torch", "transformers", "peft", "xllamacpp", "litellm", "pandas", "sklearn", "matplotlib"]
    loaded = run(
        f"import sys, gateway.app, gateway.services; print([m for m in {heavy} if m in sys.modules])"
    )
    assert loaded == "[]"


def test_policies_import_neither_web_nor_numbers() -> None:
    """The engine is pure: pydantic and ruamel.yaml are all that it needs."""
    heavy = ["numpy", "fastapi", "aiohttp", "sqlalchemy", "msgspec", "gateway", "routers"]
    loaded = run(
        f"import sys, policies.store, policies.check; print([m for m in {heavy} if m in sys.modules])"
    )
    assert loaded == "[]"


def test_importing_the_command_line_is_quick_to_load() -> None:
    """`pointsman --help` must not wait for FastAPI, SQLAlchemy or model libraries."""
    heavy = ["torch", "transformers", "litellm", "fastapi", "sqlalchemy", "opentelemetry.sdk"]
    loaded = run(f"import sys, gateway.cli.main; print([m for m in {heavy} if m in sys.modules])")
    assert loaded == "[]"
