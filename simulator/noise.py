"""Randomness as a pure function of (seed, stream, index): any moment can be computed without the ones before it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from gateway.core.model import Float64s

_STREAM = 0x9E3779B97F4A7C15
_MASK = (1 << 64) - 1


def uniform(seed: int, stream: int, index: npt.ArrayLike) -> Float64s:
    """Numbers in [0, 1), float64 of the shape of `index`; the same arguments always give the same numbers.

    The mixing steps are those of SplitMix64 (Steele, Lea and Flood, 2014).
    """
    x = np.asarray(index, dtype=np.int64).astype(np.uint64)
    x = (x + np.uint64((seed * 0xD1342543DE82EF95 + (stream + 1) * _STREAM) & _MASK)) * np.uint64(_STREAM)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    x = x ^ (x >> np.uint64(31))
    result: Float64s = (x >> np.uint64(11)).astype(np.float64) * 2.0**-53
    return result


def wander(seed: int, stream: int, index: npt.ArrayLike, at: int, period: int) -> Float64s:
    """A smooth random walk in [−1, 1] for each index at time `at` (µs), with a new support every `period` µs."""
    rows = np.asarray(index, dtype=np.int64)
    bucket, rest = divmod(at, period)
    share = rest / period
    share = share * share * (3 - 2 * share)
    before = uniform(seed, stream, rows * 0x100000001B3 + bucket)
    after = uniform(seed, stream, rows * 0x100000001B3 + bucket + 1)
    result: Float64s = 2 * (before + (after - before) * share) - 1
    return result
