"""The load to be expected of transformers and feeders, in columns."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.core.model import Float64s, Int32s, Int64s


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LoadOutlook:
    """n intervals ahead of k nodes.

    node: int32[k] network indices;  start: int64[n] µs UTC, ends one interval later each;  step: µs;
    expected, high: float64[k, n] kW, NaN where too little is known, `high` the upper quantile `share`;
    limit: float64[k] kW, what the node is rated for, NaN where that is not known.
    """

    node: Int32s
    start: Int64s
    step: int
    expected: Float64s
    high: Float64s
    share: float
    limit: Float64s

    def __len__(self) -> int:
        return len(self.node)
