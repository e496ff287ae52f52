"""Settings from the environment (`POINTSMAN_*`); the other two configurations are gateway.yaml and the policy."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from gateway.errors import StartupError
from policies.by_name import find_policy
from policies.findings import Finding, quote

_Path = Annotated[Path, AfterValidator(Path.expanduser)]


class Settings(BaseSettings):
    """Process settings. Unset means: embedded defaults, no server and no key needed."""

    model_config = SettingsConfigDict(env_prefix="POINTSMAN_", frozen=True, extra="ignore")

    config: _Path | None = Field(None, description="Path of gateway.yaml.")
    policy: Annotated[_Path, AfterValidator(find_policy)] | None = Field(
        None,
        description="The routing policy: path of a file, or name of a shipped policy (`pointsman policy library`); "
        "the shipped default when unset.",
    )
    data_dir: _Path = Field(
        Path("~/.local/share/pointsman").expanduser(),
        description="Where records (without a database), placed abilities and learnt classifiers are kept.",
    )
    model_dir: _Path = Field(
        Path("~/.cache/pointsman/models").expanduser(), description="Where pulled model weights lie."
    )
    classifier: _Path | None = Field(
        None, description="Folder of the request classifier to start from; the shipped one when unset."
    )
    redis_url: SecretStr | None = Field(None, description="Shared cache, e.g. redis://127.0.0.1:6379/0.")
    database_url: SecretStr | None = Field(
        None, description="SQLAlchemy URL for records; SQLite in the data directory when unset."
    )
    worker_url: str | None = Field(
        None,
        description="The local-model worker: unix:///path/to.sock or http://host:port. Set by `pointsman serve`.",
    )
    api_key: SecretStr | None = Field(
        None, description="One key that clients must send as a bearer token. More keys go into gateway.yaml."
    )
    key_pepper: Annotated[SecretStr, Field(min_length=32)] | None = Field(
        None,
        description="Secret that the keys of `pointsman keys` are hashed with, at least 32 characters. Unset, one is "
        "made and kept in the data directory. Set it alike on hosts that share a database.",
    )
    admin_key: SecretStr | None = Field(
        None,
        description="Key for the admin API under `/admin/v1`, as a bearer token. Without it that API is open only "
        "while the gateway listens on loopback and no client needs a key.",
    )
    policy_source: Literal["file", "database"] = Field(
        "file",
        description="Where the policy in force comes from: `file`, the policy file, to which publishing writes; or "
        "`database`, the newest published version in the database that several hosts share, and the file only "
        "begins an empty history.",
    )
    cache_entries: Annotated[int, Field(ge=0)] = Field(
        10_000, description="Size of the in-process cache; 0 turns it off."
    )
    redis_timeout_ms: Annotated[float, Field(gt=0)] = Field(
        20.0, description="Longest wait for Redis before a request goes on without the cache."
    )
    max_body_mb: Annotated[float, Field(gt=0)] = Field(
        20.0, description="Largest request body accepted, in megabytes."
    )
    responses_days: Annotated[float, Field(ge=0)] = Field(
        30.0,
        description="How long `/v1/responses` keeps what `store` asks for, text included, in the database of records; "
        "0 keeps nothing, and no request can go on from an earlier one.",
    )
    grace_s: Annotated[float, Field(gt=0, le=3600)] = Field(
        20.0,
        description="How long running requests may go on after SIGTERM; what is left then is ended with an error.",
    )
    log_level: str = Field("info", description="debug, info, warning or error.")
    local_usd_per_cpu_hour: Annotated[float, Field(ge=0)] = Field(
        0.04,
        description="Price of one CPU core for an hour; prices local answers by their measured compute time.",
    )

    @property
    def records_url(self) -> str:
        """Database URL of the record store."""
        if self.database_url is not None:
            return self.database_url.get_secret_value()
        return f"sqlite+aiosqlite:///{self.data_dir / 'records.db'}"


def load_settings() -> Settings:
    """The settings of the environment; raises `StartupError` with everything that is wrong with them."""
    try:
        return Settings()
    except ValidationError as invalid:
        errors = invalid.errors(include_url=False)
    raise StartupError(
        [
            Finding(
                "error",
                "environment",
                1,
                1,
                f"`POINTSMAN_{str(error['loc'][0]).upper()}` is {quote(error['input'])}: {_said(error['msg'])}",
            )
            for error in errors
        ]
    )


def _said(message: str) -> str:
    """Pydantic's message as a finding says it."""
    message = message.removeprefix("Value error, ").rstrip(".")
    return f"{message[:1].lower()}{message[1:]}"
