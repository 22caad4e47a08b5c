"""Presentation times of frames: from the units of a file to those of the result."""

from __future__ import annotations

from fractions import Fraction


class Clock:
    """Converts times of a file to times of the result, in a time base of 1/10,000 s or finer.

    Some containers (Matroska, FLV) round times to milliseconds, so that frames of 24000/1001 per second
    are uneven: with `rounded`, a time that is one of a steady `rate` but for this rounding is restored
    exactly.
    """

    def __init__(self, base: Fraction, rate: Fraction, *, rounded: bool) -> None:
        self._from, self._rate = base, rate
        self._rounded = rounded and base > Fraction(1, 10_000)
        if self._rounded:
            fine = -(-10_000 // rate.numerator)
            self.base = Fraction(1, rate.numerator * fine)
        else:
            self.base = base / -(-base * 10_000 // 1)

    def time(self, pts: int) -> int:
        """`pts` in units of the file → units of `base`."""
        seconds = pts * self._from
        if self._rounded:
            steady = round(seconds * self._rate) / self._rate
            if abs(steady - seconds) <= self._from:
                seconds = steady
        return round(seconds / self.base)

    def duration(self, units: int) -> int:
        """A duration in units of the file → units of `base`."""
        if units <= 0:
            return 0
        seconds, steady = units * self._from, 1 / self._rate
        if self._rounded and abs(seconds - steady) <= self._from:
            seconds = steady
        return max(1, round(seconds / self.base))


def format_duration(seconds: float) -> str:
    """`seconds` as h:mm:ss."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"
