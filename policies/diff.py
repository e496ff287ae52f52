"""What an edit changes in meaning: comments, layout and other words for the same condition are no change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from policies.diff_rules import rule_changes
from policies.diff_values import Change, field_changes
from policies.findings import quote

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from policies.model import Policy, Target
    from policies.reason.solve import Domain

_SETTINGS = ("include", "variables", "baseline", "on_missing_upstream", "limits")
_ROUTING = ("on_missing_upstream", "limits")
_PRICES, _PLACES = ("price",), ("kind", "model")


@dataclass(frozen=True, slots=True)
class Difference:
    """Every change from one policy to another, in the order of the file."""

    changes: tuple[Change, ...]

    @property
    def reroutes(self) -> bool:
        """Whether some request may be answered otherwise than before."""
        return any(change.routes for change in self.changes)


def diff(old: Policy, new: Policy, possible: Domain) -> Difference:
    """The changes from `old` to `new`; `possible` says which values facts can take, to judge effects."""
    return Difference(tuple(_changes(old, new, possible)))


def _changes(old: Policy, new: Policy, possible: Domain) -> Iterator[Change]:
    before, after = _plain(old), _plain(new)
    for name in _SETTINGS:
        told = (before.get(name), after.get(name))
        yield from field_changes("setting", name, (name,), *told, about="", routes=name in _ROUTING)
    yield from _named("target", "targets", old.targets, new.targets)
    yield from _aliases(old.aliases, new.aliases)
    yield from rule_changes(old, new, possible)
    yield from field_changes(
        "default", "default", ("default",), before["default"], after["default"], about="default: "
    )
    yield from _named("experiment", "experiments", _by_id(old), _by_id(new))
    yield from _cases(old, new)


def _plain(policy: Policy) -> dict[str, Any]:
    return policy.model_dump(mode="json", by_alias=True, exclude_none=True)


def _by_id(policy: Policy) -> dict[str, Any]:
    return {experiment.id: experiment for experiment in policy.experiments}


def _named(kind: str, key: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    """Things with a name that were added, removed or changed."""
    for name in [*old, *(name for name in new if name not in old)]:
        path = (key, name)
        if name not in new:
            yield Change(
                f"{kind}-removed", name, path, f"{kind} {quote(name)} removed", before=_dump(old[name])
            )
        elif name not in old:
            what = f": {quote(new[name].model)}" if kind == "target" else f": {new[name].kind}"
            yield Change(
                f"{kind}-added", name, path, f"{kind} {quote(name)} added{what}", after=_dump(new[name])
            )
        elif kind == "target":
            yield from _target(name, old[name], new[name])
        else:
            yield from field_changes(
                kind, name, path, _dump(old[name]), _dump(new[name]), about=f"{kind} {quote(name)}: "
            )


def _target(name: str, old: Target, new: Target) -> Iterator[Change]:
    before, after = _dump(old), _dump(new)
    places = [key for key in _PLACES if before.get(key) != after.get(key)]
    if places:
        words = ", ".join(f"{key} {quote(before[key])} → {quote(after[key])}" for key in places)
        message = f"target {quote(name)} retargeted: {words}"
        path = ("targets", name)
        yield Change(
            "target-retargeted", name, path, message, before=_some(before, places), after=_some(after, places)
        )
    if before.get("price") != after.get("price"):
        words = f"{_price(before.get('price'))} → {_price(after.get('price'))}"
        message = f"target {quote(name)} repriced: {words}"
        at = ("targets", name, "price")
        yield Change("target-repriced", name, at, message, before.get("price"), after.get("price"))
    rest = [key for key in {**before, **after} if key not in (*_PLACES, *_PRICES)]
    about = f"target {quote(name)}: "
    yield from field_changes(
        "target", name, ("targets", name), _some(before, rest), _some(after, rest), about=about
    )


def _price(price: Mapping[str, float] | None) -> str:
    if price is None:
        return "the built-in price"
    return f"${price['input_usd_per_mtok']:g} in, ${price['output_usd_per_mtok']:g} out per million tokens"


def _some(values: Mapping[str, Any], keys: list[str]) -> dict[str, Any]:
    return {key: values[key] for key in keys if key in values}


def _dump(model: Any) -> dict[str, Any]:  # noqa: ANN401 (a model of any part of the language)
    dumped: dict[str, Any] = model.model_dump(mode="json", by_alias=True, exclude_none=True)
    return dumped


def _aliases(old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[Change]:
    for glob in [*old, *(glob for glob in new if glob not in old)]:
        before, after, path = old.get(glob), new.get(glob), ("aliases", glob)
        if before == after:
            continue
        shown = [quote(value) if value is not None else "no alias" for value in (before, after)]
        message = f"alias {quote(glob)}: {shown[0]} → {shown[1]}"
        yield Change("alias", glob, path, message, before=before, after=after)
    kept = [glob for glob in old if glob in new]
    order = [glob for glob in new if glob in old]
    if kept != order:
        message = "aliases reordered: the first that matches counts"
        yield Change("aliases-reordered", "aliases", ("aliases",), message, before=kept, after=order)


def _cases(old: Policy, new: Policy) -> Iterator[Change]:
    before, after = (tuple(case.model_dump_json() for case in policy.tests) for policy in (old, new))
    added, removed = len(set(after) - set(before)), len(set(before) - set(after))
    if added or removed:
        message = f"tests: {added} added, {removed} removed"
        yield Change(
            "tests", "tests", ("tests",), message, before=len(before), after=len(after), routes=False
        )
