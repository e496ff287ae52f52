"""What a decision was made on, beyond the other columns of its record: enough to decide it again.

No text of the request is in it. Of headers and metadata it has those that the policy in force reads, and of these
only short ones. The chances of success under every ability vector are kept exactly, as packed numbers: a policy
edited later may name any of them.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import struct
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from gateway.cache.keys import RoutingInputs
    from gateway.types import Call

Json = dict[str, Any]

LONGEST: Final = 256
"""Longer values of headers and metadata are not kept; what a rule on them would say cannot be known then."""
_LONGEST_MODEL: Final = 2048


def logged(call: Call, inputs: RoutingInputs, missing: Iterable[str]) -> Json:
    """The facts of a call as its record keeps them; a header or entry that was absent is null.

    `inputs` names what the policy reads, `missing` the targets that could not be called. The success of each
    ability joins later, see `PackedSuccess`.
    """
    return {
        "tools": call.tools,
        "json_schema": call.json_schema,
        "modalities": sorted(call.modalities),
        "max_output_tokens": call.max_output_tokens,
        "headers": _short(call.headers, inputs.headers),
        "metadata": _short(call.metadata, inputs.metadata),
        "unavailable": list(missing),
    }


def exact_model(asked: str, kept: str) -> Json:
    """`{}` when the column `model_asked` has the whole name, else the name, or null when it is too long to keep."""
    if asked == kept:
        return {}
    return {"model": asked if len(asked) <= _LONGEST_MODEL else None}


def _short(values: Mapping[str, str], names: tuple[str, ...]) -> dict[str, str | None]:
    return {name: value for name in names if (value := values.get(name)) is None or len(value) <= LONGEST}


def pack(numbers: Iterable[float]) -> str:
    """Numbers without loss as text: base64 of float32 (`f`) where that is exact, as it is for the classifier's."""
    exact = tuple(numbers)
    try:
        packed = struct.pack(f"<{len(exact)}f", *exact)
        lossless = struct.unpack(f"<{len(exact)}f", packed) == exact
    except OverflowError:
        lossless = False
    if lossless:
        return "f" + base64.b64encode(packed).decode()
    return "d" + base64.b64encode(struct.pack(f"<{len(exact)}d", *exact)).decode()


def unpack(packed: str) -> list[float]:
    """The numbers of `pack`. Raises ValueError when the text is not one of its."""
    size = {"f": 4, "d": 8}.get(packed[:1])
    try:
        raw = base64.b64decode(packed[1:], validate=True) if size else b""
    except binascii.Error as error:
        raise ValueError("not packed numbers") from error
    if size is None or len(raw) % size:
        raise ValueError("not packed numbers")
    return list(struct.unpack(f"<{len(raw) // size}{packed[0]}", raw))


def digest(names: Sequence[str]) -> str:
    """16 hex digits that stand for these names in this order."""
    return hashlib.sha256("\x00".join(names).encode()).hexdigest()[:16]


class PackedSuccess:
    """Packs the success of rows as they are written, and says which names were met for the first time."""

    def __init__(self) -> None:
        self._digests: dict[tuple[str, ...], str] = {}

    def pack(self, rows: list[Json]) -> list[Json]:
        """Replace `facts.success`, a mapping by ability, in `rows`; returns new rows of `ability_names`."""
        new: list[Json] = []
        for row in rows:
            facts = row.get("facts")
            if not facts or not isinstance(success := facts.get("success"), dict):
                continue
            names = tuple(success)
            if names not in self._digests:
                self._digests[names] = digest(names)
                new.append({"digest": self._digests[names], "names": list(names)})
            row["facts"] = {**facts, "success": pack(success.values()), "abilities": self._digests[names]}
        return new
