"""How many requests are still to come today: yesterday's shape of the day, at today's level."""

from __future__ import annotations

import msgspec

DAY_S = 86_400.0
_BINS = 48
BIN_S = int(DAY_S) // _BINS
_MEMORY = 0.5  # weight of the day that has just ended in the remembered shape
_PRIOR = 0.02  # share of a day after which today's level counts more than the remembered one


class Forecast(msgspec.Struct, frozen=True):
    """Requests by half hour of the UTC day: of today, and as remembered. Empty memory means a flat day."""

    day: int = 0
    today: tuple[float, ...] = (0.0,) * _BINS
    remembered: tuple[float, ...] = ()

    def with_requests(self, requests: int, now: float) -> Forecast:
        """The forecast after `requests` more, counted at `now` (Unix seconds)."""
        forecast = self._on(int(now // DAY_S))
        bins = list(forecast.today)
        bins[_bin(now)] += requests
        return msgspec.structs.replace(forecast, today=tuple(bins))

    def remaining(self, now: float) -> float:
        """Requests expected from `now` to the end of the UTC day."""
        forecast = self._on(int(now // DAY_S))
        seen = sum(forecast.today)
        passed = (now % DAY_S) / DAY_S
        shape = forecast.remembered
        if not sum(shape):
            return seen / max(passed, 1e-4) * (1.0 - passed)
        current = _bin(now)
        within = (now % DAY_S) / (DAY_S / _BINS) - current
        before = sum(shape[:current]) + within * shape[current]
        total = sum(shape)
        # The ratio of today to the remembered day, drawn towards 1 while little of the day has passed.
        level = (seen + _PRIOR * total) / (before + _PRIOR * total)
        return level * (total - before)

    def _on(self, day: int) -> Forecast:
        """The forecast as of this day: when another one begins, today becomes part of what is remembered."""
        if day == self.day:
            return self
        if not sum(self.today):
            return Forecast(day, remembered=self.remembered)
        shape = self.remembered or self.today
        mixed = tuple(
            _MEMORY * new + (1.0 - _MEMORY) * old for new, old in zip(self.today, shape, strict=True)
        )
        return Forecast(day, remembered=mixed)


def _bin(now: float) -> int:
    return min(_BINS - 1, int((now % DAY_S) / DAY_S * _BINS))
