"""Small benchmarks for the tests of `routers.benchmark`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from routers.benchmark.files import Benchmark

if TYPE_CHECKING:
    from collections.abc import Sequence


def benchmark(
    weak: Sequence[float],
    strong: Sequence[float],
    *,
    prompts: Sequence[str] | None = None,
    subjects: Sequence[str | None] | None = None,
) -> Benchmark:
    """A benchmark of these outcomes; prompts are distinct and all of one length where not given."""
    rows = len(weak)
    return Benchmark(
        name="small",
        weak_name="weak",
        strong_name="strong",
        ids=tuple(f"row-{i}" for i in range(rows)),
        prompts=tuple(prompts or [f"prompt {i:06d}" for i in range(rows)]),
        subjects=tuple(subjects or [None] * rows),
        weak=np.array(weak, dtype=np.float64),
        strong=np.array(strong, dtype=np.float64),
        positions=np.arange(rows),
        read=rows,
        left_out={},
    )
