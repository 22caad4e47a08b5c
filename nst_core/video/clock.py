"""Times of frames: from a file's units to the result's, and as people read them."""

from __future__ import annotations

from fractions import Fraction


class Clock:
    """Turns the times of a file into those of the result.

    Matroska tells times in milliseconds, and frames of 24000/1001 in a second come out of step: where a
    time is that of a steady rate but for the rounding, it is given exactly.
    """

    def __init__(self, base: Fraction, rate: Fraction) -> None:
        self._from, self._rate = base, rate
        fine = -(-10_000 // rate.numerator)
        self.base = base if base <= Fraction(1, 10_000) else Fraction(1, rate.numerator * fine)

    def time(self, pts: int) -> int:
        """`pts` of the file in units of `base`."""
        if self.base == self._from:
            return pts
        seconds = pts * self._from
        steady = round(seconds * self._rate) / self._rate
        near = abs(steady - seconds) <= self._from
        return round((steady if near else seconds) / self.base)


def format_duration(seconds: float) -> str:
    """`seconds` as h:mm:ss, for people."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"
