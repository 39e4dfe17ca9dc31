"""How much a set of metering points says for a loss of supply: log-likelihood ratios against "nothing happened".

For a delivery rate p of dark evidence and a false rate ε, x points that reported and q that did not give

    x ln(p/ε) + q ln((1−p)/(1−ε)).

In the field p is anything from 0.2 to 0.95 and the same for nearly all points of one fault, so it is not assumed but
integrated out: with a Beta(a, b) prior the mean over p is the Beta-binomial B(a+x, b+q) / B(a, b).
"""

from __future__ import annotations

import math

import numpy as np

from gateway.core.model import Bools, Float64s, Int32s, Int64s
from processors.outage.settings import OutageSettings
from processors.outage.state import Dark, UInt8s

_PRIOR_POINTS = 2.0  # a + b: as vague as the flat prior


def beta_prior(settings: OutageSettings) -> tuple[float, float]:
    """(a, b) of the prior of p; its mean is `delivery_rate`."""
    a = _PRIOR_POINTS * settings.delivery_rate
    return a, _PRIOR_POINTS - a


def reported(x: Float64s, q: Float64s, settings: OutageSettings) -> Float64s:
    """Log-likelihood ratio of x points that reported and q that did not, p integrated out: float64, their shape."""
    a, b = beta_prior(settings)
    eps = settings.false_rate
    prior = math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
    beta = log_gamma(x + a) + log_gamma(q + b) - log_gamma(x + q + (a + b)) - prior
    found: Float64s = beta - x * math.log(eps) - q * math.log1p(-eps)
    return found


def log_gamma(x: Float64s) -> Float64s:
    """ln Γ(x) for x > 0 by Stirling's series after shifting the argument up by four; error below 1e−8."""
    shift = np.log(x * (x + 1.0) * (x + 2.0) * (x + 3.0))
    z = x + 4.0
    inverse = 1.0 / z
    series = inverse * (1 / 12 - inverse**2 * (1 / 360 - inverse**2 * (1 / 1260 - inverse**2 / 1680)))
    found: Float64s = (z - 0.5) * np.log(z) - z + 0.5 * math.log(2 * math.pi) + series - shift
    return found


def single(settings: OutageSettings) -> float:
    """Of one point that reported a loss of supply: ln(p/ε)."""
    return math.log(settings.delivery_rate / settings.false_rate)


def unsure(kinds: UInt8s, failed: Int32s, settings: OutageSettings) -> Float64s:
    """Of what has no delivery rate, exceptions 0x0B, doubted gasps and terminals: float64, their shape."""
    poll = math.log(1.0 / settings.target_failed_rate)
    found = np.where(kinds & Dark.TARGET_FAILED, poll * np.clip(failed, 1, 3), 0.0)
    found += np.where(kinds & Dark.DOUBTED, math.log(1.0 / settings.silent_rate), 0.0)
    found += np.where(kinds & Dark.BREAKER, measured(settings), 0.0)
    return found


def silence_weights(settings: OutageSettings) -> tuple[float, float]:
    """(of one point that did not report, of one that is silent although its path lives)."""
    quiet = math.log((1 - settings.delivery_rate) / (1 - settings.false_rate))
    return quiet, math.log(1.0 / settings.silent_rate)


def measured(settings: OutageSettings) -> float:
    """Of a point that measured no voltage on some of its phases: what was received was not lost on its way."""
    return math.log(1.0 / settings.false_rate)


def holds(evident: int, quiet: int, living: int, settings: OutageSettings) -> bool:
    """Whether one fault above still explains more than separate ones at each evident point would.

    `living` are points that never missed a report though they should have been dark; here they weigh against the
    node instead of vetoing it, because after a conclusion the first life heard is most often restoration.
    """
    cost = -living * math.log(settings.false_life_rate)
    one = float(reported(np.array([float(evident)]), np.array([float(quiet)]), settings)[0]) - cost
    return one - settings.min_score + 1e-6 >= evident * (single(settings) - settings.min_score)


def lower_median(values: Int64s) -> int:
    """The lower median of one or more values."""
    middle = (len(values) - 1) // 2
    return int(np.partition(values, middle)[middle])


def lower_medians(group: Int64s, values: Int64s, count: int) -> Int64s:
    """Lower median of the values of each group 0 … count−1, 0 for an empty one: int64[count]."""
    order = np.lexsort((values, group))
    sizes = np.bincount(group, minlength=count)
    first = np.cumsum(sizes) - sizes
    result = np.zeros(count, np.int64)
    some: Bools = sizes > 0
    result[some] = values[order][first[some] + (sizes[some] - 1) // 2]
    return result
