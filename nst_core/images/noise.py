"""Band-limited noise: a pure function of pixel coordinates and a seed.

A convolutional network is deterministic: where a photograph is even, every place gets the same texture,
along the axes of the grid. A little noise in the content gives it something different everywhere.
The noise is a sum of octaves of value noise (Perlin, "An Image Synthesizer", 1985): hashed values on
lattices of 2, 4, 8 and 16 pixels, interpolated with cubic B-splines. Most of its energy lies in waves
of 5 to 70 pixels. No value depends on the window that was asked for, so any tile of a picture gets the
same bits as the whole picture does.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Field = npt.NDArray[np.float32]
Words = npt.NDArray[np.uint32]
Bytes = npt.NDArray[np.uint8]

#: Distance of the lattice points of each octave, in pixels. Each is half of the one before.
SPACINGS = (16, 8, 4, 2)
#: Deviation of each channel's own part against the part that the channels share: 0 is grey noise.
COLOUR = 0.5

_SEEDS = 2**32
_BYTE_MEAN = 127.5
_BYTE_DEVIATION = ((256**2 - 1) / 12) ** 0.5


def noise_field(top: int, left: int, height: int, width: int, seed: int) -> Field:
    """Noise of a window of a plane, (3, height, width), with mean 0 and deviation 1 over the plane.

    `top` and `left` are the window's first row and column, in pixels, and may be negative. `seed` (0 to
    2³² - 1) picks another plane. Equal coordinates and seeds give equal bits. Raises `ValueError` for
    another seed, or a window without pixels.
    """
    if not 0 <= seed < _SEEDS:
        raise ValueError(f"A seed is a whole number from 0 to {_SEEDS - 1}; got {seed}.")
    if height < 1 or width < 1:
        raise ValueError(f"A window of noise has at least one pixel; got {height}×{width}.")
    rows, columns = _lattice_ranges(top, height), _lattice_ranges(left, width)
    field = _lattice_values(0, rows[0], columns[0], seed)
    for octave in range(1, len(SPACINGS)):
        field = _refined(field, 1, rows[octave - 1], rows[octave])
        field = _refined(field, 2, columns[octave - 1], columns[octave])
        field += _lattice_values(octave, rows[octave], columns[octave], seed)
    return _at_pixels(_at_pixels(field, 1, top, height), 2, left, width)


def _lattice_ranges(start: int, length: int) -> list[tuple[int, int]]:
    """First and one past the last lattice index of each octave that pixels `start` … depend on."""
    finest = SPACINGS[-1]
    first, last = start // finest - 1, (start + length - 1) // finest + 2
    ranges = [(first, last + 1)]
    for _ in SPACINGS[1:]:
        first, last = first // 2 - 1, last // 2 + 1
        ranges.append((first, last + 1))
    return ranges[::-1]


def _lattice_values(octave: int, rows: tuple[int, int], columns: tuple[int, int], seed: int) -> Field:
    """Spline coefficients of one octave: independent for each lattice point, (3, rows, columns)."""
    key = _mixed(np.array([seed], np.uint32) + np.uint32(0x9E3779B9 * (octave + 1) % _SEEDS))
    row_keys = _mixed(np.arange(*rows, dtype=np.int64).astype(np.uint32) ^ key)
    column_keys = _mixed(np.arange(*columns, dtype=np.int64).astype(np.uint32) + ~key)
    words = _mixed(row_keys[:, None] + column_keys[None, :])
    # The four bytes of a hash are four independent values: the shared part, then one for each channel.
    parts: Bytes = words.astype("<u4", copy=False).view(np.uint8).reshape(*words.shape, 4)
    grey = _GAINS[octave] * (parts[..., 0].astype(np.float32) - np.float32(_BYTE_MEAN))
    own = np.moveaxis(parts[..., 1:], 2, 0).astype(np.float32) - np.float32(_BYTE_MEAN)
    own *= _GAINS[octave] * np.float32(COLOUR)
    own += grey
    return own


def _mixed(words: Words) -> Words:
    """A hash of 32-bit words in which every input bit flips every output bit half of the time.

    The constants are those of "lowbias32" (Wellons, "Prospecting for Hash Functions", 2018).
    """
    words = words ^ (words >> np.uint32(16))
    words *= np.uint32(0x7FEB352D)
    words ^= words >> np.uint32(15)
    words *= np.uint32(0x846CA68B)
    words ^= words >> np.uint32(16)
    return words


def _refined(field: Field, axis: int, coarse: tuple[int, int], fine: tuple[int, int]) -> Field:
    """The same spline on a lattice twice as fine (B-splines are sums of narrower ones, 1 4 6 4 1)."""
    first = fine[0] // 2  # pairs of fine points 2j and 2j + 1, from the first that is needed
    count = (fine[1] - 1) // 2 - first + 1
    at = first - coarse[0]
    here, after = _part(field, axis, at, count), _part(field, axis, at + 1, count)
    even = _part(field, axis, at - 1, count) + after
    even *= np.float32(1 / 8)
    even += here * np.float32(6 / 8)
    odd = here + after
    odd *= np.float32(1 / 2)
    return _interleaved([even, odd], axis, fine[0] - 2 * first, fine[1] - fine[0])


def _at_pixels(field: Field, axis: int, start: int, length: int) -> Field:
    """The spline of the finest lattice at the centres of pixels `start` … along one axis."""
    spacing = SPACINGS[-1]
    cells = (start + length - 1) // spacing - start // spacing + 1
    phases = []
    for phase in range(spacing):
        weights = _spline_weights((phase + 0.5) / spacing).astype(np.float32)
        total = _part(field, axis, 0, cells) * weights[0]
        for tap in range(1, 4):
            total += _part(field, axis, tap, cells) * weights[tap]
        phases.append(total)
    return _interleaved(phases, axis, start % spacing, length)


def _part(field: Field, axis: int, start: int, count: int) -> Field:
    """`count` rows (axis 1) or columns (axis 2), from `start` on."""
    return field[:, start : start + count] if axis == 1 else field[:, :, start : start + count]


def _interleaved(phases: list[Field], axis: int, start: int, length: int) -> Field:
    """One of each of `phases` in turn along `axis`, `length` of them from `start` on."""
    out = np.stack(phases, axis + 1)
    shape = list(phases[0].shape)
    shape[axis] *= len(phases)
    return np.ascontiguousarray(_part(out.reshape(shape), axis, start, length))


def _spline_weights(t: float) -> npt.NDArray[np.float64]:
    """Weights of the four lattice points around a place, `t` past the second (cubic B-spline)."""
    return (
        np.array([(1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, 3 * (1 - t) ** 3 - 6 * (1 - t) ** 2 + 4, t**3])
        / 6
    )


def _gain(spacing: int) -> np.float32:
    """Factor of one octave's bytes for a field of deviation 1 after interpolation and summing."""
    phases = ((np.arange(spacing) + 0.5) / spacing).tolist()
    # Independent values: the variance of a weighted sum is the sum of squared weights, along each axis.
    share = float(np.mean([np.square(_spline_weights(t)).sum() for t in phases]))
    whole = _BYTE_DEVIATION * (len(SPACINGS) * (1 + COLOUR**2)) ** 0.5
    return np.float32(1 / (share * whole))


_GAINS = tuple(_gain(spacing) for spacing in SPACINGS)
