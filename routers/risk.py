"""From graded confidences to the confidence at which a bound on the risk is proved. Pure, but for reading and writing.

The risk of a threshold is the probability that a request gets an answer that is released *and* wrong. It can only grow
as the threshold falls, so the lowest threshold whose upper bound holds may be taken as if it had been fixed before the
data was seen (risk-controlling prediction sets, Bates et al. 2021; the special case of learn-then-test, Angelopoulos
et al. 2021, in which the tests are nested). The bound is exact: Clopper and Pearson's, from the binomial distribution.
What it rests on is that the graded requests and those to come are drawn alike.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Final, Literal, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from routers.placed import replace_text

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

FILE: Final = "calibration.json"
"""The table of a specialist, in its folder."""
STEPS: Final = 10_000
"""Confidences are kept, and thresholds chosen, in steps of 1 / STEPS: a grid that no data has chosen."""

Probability = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0, strict=True)]


class ConfidenceTableError(ValueError):
    """The file holds no table of confidences; the message says what to do."""


class ConfidenceTable(BaseModel):
    """How often answers of each confidence were right, on requests that the model was not trained on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = 1
    data: str = ""
    """Which requests these were."""
    rows: Annotated[tuple[tuple[Probability, Count, Count], ...], Field(min_length=1)]
    """(Confidence, right answers, wrong answers), by falling confidence; confidences are rounded down to the grid."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        confidences = [row[0] for row in self.rows]
        if any(one <= other for one, other in pairwise(confidences)):
            raise ValueError("confidences must fall from row to row")
        if not self.n:
            raise ValueError("no row counts an answer")
        return self

    @classmethod
    def of(cls, graded: Iterable[tuple[float, bool]], data: str = "") -> ConfidenceTable:
        """The table of (confidence, right) pairs. Raises ValueError when there is none, or one outside of 0 to 1."""
        counts = Counter((_down(confidence), bool(right)) for confidence, right in graded)
        steps = sorted({step for step, _ in counts}, reverse=True)
        return cls(data=data, rows=tuple((s / STEPS, counts[s, True], counts[s, False]) for s in steps))

    @property
    def n(self) -> int:
        """Graded answers in all."""
        return sum(right + wrong for _, right, wrong in self.rows)

    @property
    def highest(self) -> float:
        """The confidence of the surest answer."""
        return self.rows[0][0]


class Control(NamedTuple):
    """What a bound on the risk comes to."""

    threshold: float | None
    """Answers at least this sure may be released; None: none may."""
    n: int
    """Graded answers behind it."""
    needed: int
    """With fewer rows than this no threshold could be proved, however good the model is."""
    released: int
    """Of the graded answers, those at least that sure."""
    wrong: int
    """Of these, the wrong ones."""


def control(table: ConfidenceTable, risk: float, level: float) -> Control:
    """The lowest threshold at which the risk is at most `risk`, with probability `level` over the graded requests.

    `risk` and `level` lie strictly between 0 and 1. A larger risk never raises the threshold, nor does a lower level.
    """
    n, needed = table.n, fewest_rows(risk, level)
    allowed = most_wrong(n, risk, level)
    threshold = None if allowed is None else _lowest(table, allowed)
    if threshold is None:
        return Control(None, n, needed, 0, 0)
    kept = [row for row in table.rows if row[0] >= threshold]
    return Control(
        threshold, n, needed, sum(row[1] + row[2] for row in kept), sum(wrong for _, _, wrong in kept)
    )


def most_wrong(n: int, risk: float, level: float) -> int | None:
    """How many of `n` requests may be answered wrongly while a risk above `risk` is refuted at `level`.

    The largest k with P(Binomial(n, risk) <= k) <= 1 - level, which is where Clopper and Pearson's upper bound is at
    most `risk`; None when even k = 0 refutes nothing.
    """
    below, k = 0.0, -1
    while k + 1 < n:
        below += math.exp(_log_binomial(n, k + 1, risk))
        if below > 1.0 - level:
            break
        k += 1
    return k if k >= 0 else None


def fewest_rows(risk: float, level: float) -> int:
    """The smallest n of which no answer wrong would refute a risk above `risk`: (1 - risk)^n <= 1 - level."""
    return math.ceil(math.log1p(-level) / math.log1p(-risk))


def read_table(path: Path) -> ConfidenceTable | None:
    """The table in a file; None when there is no file. Raises `ConfidenceTableError`."""
    try:
        return ConfidenceTable.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfidenceTableError(f"{path} cannot be read: {error.strerror or error}") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "file"
        raise ConfidenceTableError(f"{path}: {where}: {first['msg']}") from error


def write_table(path: Path, table: ConfidenceTable) -> None:
    """Replace the file, whole or not at all; `calibration.json` in a specialist's folder is found by the gateway."""
    rows = ",\n".join(f"  [{confidence}, {right}, {wrong}]" for confidence, right, wrong in table.rows)
    head = f'"format": {table.format},\n "data": {json.dumps(table.data, ensure_ascii=False)}'
    replace_text(path, f'{{\n {head},\n "rows": [\n{rows}\n ]\n}}\n')


def _lowest(table: ConfidenceTable, allowed: int) -> float | None:
    """The lowest step of the grid from which on at most `allowed` answers are wrong; None above the highest step."""
    wrong = 0
    for confidence, _, more in table.rows:
        wrong += more
        if wrong > allowed:
            step = round(confidence * STEPS) + 1
            return step / STEPS if step <= STEPS else None
    return 0.0


def _down(confidence: float) -> int:
    """The step of the grid at or below a confidence: so a threshold on the grid parts both in the same way."""
    if not 0.0 <= confidence <= 1.0:
        raise ValueError(f"{confidence} is no confidence: it must lie in 0 to 1")
    step = math.floor(confidence * STEPS)
    # The product may be rounded to either side of the step that it is.
    return step + ((step + 1) / STEPS <= confidence) - (step / STEPS > confidence)


def _log_binomial(n: int, k: int, p: float) -> float:
    """The natural logarithm of P(Binomial(n, p) = k)."""
    choose = math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
    return choose + k * math.log(p) + (n - k) * math.log1p(-p)
