"""What an answer cost: token prices from litellm's table, read as data without importing litellm."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gateway.types import Usage
    from policies.model import Policy, Target

_TABLE = "model_prices_and_context_window_backup.json"
# Expected output when the client sets no limit: the median of chat answers is a few hundred tokens.
_EXPECTED_OUTPUT_TOKENS = 256
# CPU seconds a local target is expected to need, for ordering targets before the call: a small encoder's pass and a
# 135M model's token on one core. After the call the measured time counts.
_SPECIALIST_S = 0.03
_LOCAL_TOKEN_S = 0.016


class Price(msgspec.Struct, frozen=True):
    """USD per token. `cached` is the price of prompt tokens that the provider had cached."""

    input_cost_per_token: float | None = None
    output_cost_per_token: float | None = None
    cache_read_input_token_cost: float | None = None

    def cost(self, usage: Usage) -> float | None:
        """USD for a usage; None when a price is missing."""
        if self.input_cost_per_token is None or self.output_cost_per_token is None:
            return None
        cached = min(usage.cached_tokens, usage.prompt_tokens)
        cached_price = self.cache_read_input_token_cost
        return (
            (usage.prompt_tokens - cached) * self.input_cost_per_token
            + cached * (self.input_cost_per_token if cached_price is None else cached_price)
            + usage.completion_tokens * self.output_cost_per_token
        )


class Prices:
    """Prices of one policy's targets. A price that is not known is None and never zero."""

    def __init__(self, policy: Policy, local_usd_per_cpu_hour: float) -> None:
        self._targets = policy.targets
        self._cpu_second = local_usd_per_cpu_hour / 3600
        models = {target.model for target in policy.targets.values() if target.kind == "upstream"}
        table = read_table(models)
        self._prices = {name: _price(target, table) for name, target in policy.targets.items()}
        self._baseline = policy.baseline or self._dearest()

    @property
    def baseline(self) -> str | None:
        """The target that savings are counted against: the policy's, else the dearest upstream."""
        return self._baseline

    def cost(self, target: str, usage: Usage | None, compute_ms: float | None) -> float | None:
        """USD that an answer of `target` cost: by tokens upstream, by measured CPU time locally."""
        found = self._targets.get(target)
        if found is not None and found.kind != "upstream":
            return None if compute_ms is None else self.compute(compute_ms)
        price = self._prices.get(target)
        return None if price is None or usage is None else price.cost(usage)

    def compute(self, compute_ms: float) -> float:
        """USD of measured CPU time on this machine."""
        return compute_ms / 1000 * self._cpu_second

    def counterfactual(self, usage: Usage | None) -> float | None:
        """USD that the baseline would have charged for the same tokens."""
        price = self._prices.get(self._baseline) if self._baseline else None
        return None if price is None or usage is None else price.cost(usage)

    def expected(self, prompt_tokens: int, max_output_tokens: int | None) -> dict[str, float]:
        """Expected USD of one request for each target of known price."""
        output = min(max_output_tokens or _EXPECTED_OUTPUT_TOKENS, _EXPECTED_OUTPUT_TOKENS)
        found: dict[str, float] = {}
        for name, target in self._targets.items():
            if target.kind == "specialist":
                found[name] = _SPECIALIST_S * self._cpu_second
            elif target.kind == "local":
                found[name] = (output + prompt_tokens / 2) * _LOCAL_TOKEN_S * self._cpu_second
            elif (price := self._prices[name]) is not None and price.output_cost_per_token is not None:
                found[name] = (
                    prompt_tokens * (price.input_cost_per_token or 0.0) + output * price.output_cost_per_token
                )
        return found

    def _dearest(self) -> str | None:
        priced = [
            (price.output_cost_per_token, name)
            for name, price in self._prices.items()
            if price is not None and price.output_cost_per_token is not None
        ]
        return max(priced)[1] if priced else None


def read_table(models: Iterable[str]) -> dict[str, Price]:
    """Prices of `models` (`provider/name` or `name`) from the table inside the installed litellm package."""
    spec = importlib.util.find_spec("litellm")
    folder = next(iter(spec.submodule_search_locations or ()), None) if spec else None
    if folder is None or not (path := Path(folder) / _TABLE).exists():
        return {}
    rows = msgspec.json.decode(path.read_bytes(), type=dict[str, msgspec.Raw])
    found: dict[str, Price] = {}
    for model in models:
        for name in (model, model.partition("/")[2]):
            if name in rows:
                found[model] = msgspec.json.decode(rows[name], type=Price)
                break
    return found


def _price(target: Target, table: dict[str, Price]) -> Price | None:
    if target.kind != "upstream":
        return None
    if target.price is not None:
        return Price(target.price.input_usd_per_mtok / 1e6, target.price.output_usd_per_mtok / 1e6)
    return table.get(target.model)
