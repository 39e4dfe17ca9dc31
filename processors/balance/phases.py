"""Whether a single-phase meter hangs on the phase that it is registered on: by whose voltage its own follows."""

from __future__ import annotations

import numpy as np

from processors.balance.window import AreaWindow

LEAST = 0.6  # correlation with the best phase
MARGIN = 0.25  # by which it is better than with the registered one
LEAST_HOURS = 48.0


def misplaced(window: AreaWindow) -> list[tuple[int, int, float, float]]:
    """(member, phase 0 A … 2 C, correlation with it, correlation with the registered one) of those in doubt.

    What all three phases do together (the transformer's primary side) is taken out first; steps between intervals are
    compared rather than levels, so that slow load does not matter.
    """
    if window.voltage is None or window.supply_voltage is None or window.phases is None:
        return []
    supply = np.diff(window.supply_voltage - window.supply_voltage.mean(axis=0), axis=1)
    common = np.diff(window.supply_voltage.mean(axis=0))
    found = []
    for member in np.flatnonzero(np.isin(window.phases, (1, 2, 4))).tolist():
        own = np.diff(window.voltage[member]) - common
        fine = np.isfinite(own) & np.isfinite(supply).all(axis=0)
        if fine.sum() * window.hours < LEAST_HOURS:
            continue
        y, x = own[fine] - own[fine].mean(), supply[:, fine]
        x = x - x.mean(axis=1, keepdims=True)
        size = np.sqrt((x * x).sum(axis=1)) * np.sqrt(y @ y)
        r = np.divide(x @ y, size, out=np.zeros(3), where=size > 0)
        best, registered = int(r.argmax()), {1: 0, 2: 1, 4: 2}[int(window.phases[member])]
        if best != registered and r[best] >= LEAST and r[best] - r[registered] >= MARGIN:
            found.append((member, best, float(r[best]), float(r[registered])))
    return found
