"""What truly happens in one scenario: who loses supply when, and who cannot be heard. Times are seconds of the play."""

from __future__ import annotations

from dataclasses import dataclass, field

from gateway.core.model import IncidentKind, Int64s

WARM_UP_S = 1_200.0
"""Every meter has been heard at least once before anything happens."""
_TAIL_S = 2_400.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Spell:
    """A node without supply on the phases of `mask` from `start` to `end`; `keys` are the meters that hang on them."""

    node: int
    mask: int
    start: float
    end: float
    keys: Int64s


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Truth:
    """One outage as an operator would tell it. `latest`: the last moment that may be called its start;
    `points`: keys of the meters affected;  `shared`: those of them whose time another truth may have."""

    kind: IncidentKind
    node: int
    mask: int
    start: float
    latest: float
    end: float
    points: Int64s
    shared: Int64s


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Silence:
    """Meters that cannot be heard. `concentrator`: its key, or −1;  `session`: broker session, or −1;
    `wills`: the broker tells of each connection lost;  `kept`: what was to be said comes afterwards."""

    keys: Int64s
    start: float
    end: float
    concentrator: int = -1
    session: int = -1
    wills: bool = False
    kept: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Absence:
    """The gateway hears nothing. `kept`: brokers keep what is published meanwhile."""

    start: float
    end: float
    kept: bool


@dataclass(slots=True, kw_only=True, eq=False)
class Scenario:
    kind: str
    seed: int
    truths: list[Truth] = field(default_factory=list)
    spells: list[Spell] = field(default_factory=list)
    silences: list[Silence] = field(default_factory=list)
    absence: Absence | None = None
    false_gasps: list[tuple[int, float]] = field(default_factory=list)
    clock_error_s: dict[int, float] = field(default_factory=dict)
    late: bool = False  # a fifth of the gasps comes minutes late

    @property
    def changes(self) -> list[float]:
        """When anything happens, in order."""
        found = [t for spell in self.spells for t in (spell.start, spell.end)]
        found += [t for silence in self.silences for t in (silence.start, silence.end)]
        found += [at for _, at in self.false_gasps]
        if self.absence:
            found += [self.absence.start, self.absence.end]
        return sorted(found) or [WARM_UP_S]

    @property
    def length(self) -> float:
        return self.changes[-1] + _TAIL_S
