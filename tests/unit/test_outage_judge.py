"""The judge on its own: which node and which phases it takes, whatever share of the dark meters reports."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.clock import MINUTE, parse_time
from gateway.core.model import Bools
from gateway.core.network import Network
from processors.outage.judge import Candidate, Points, judge
from processors.outage.likelihood import log_gamma, reported
from processors.outage.settings import OutageSettings
from processors.outage.state import ALL, Dark, UInt8s

T0 = parse_time("2026-03-01T08:00:00Z")
SETTINGS = OutageSettings()
N = 20  # meters of a transformer, on phases A, B, C in turn
TRANSFORMERS = {"T1": "U1", "T2": "U1", "T3": "U1", "T4": "U2", "T5": "U2", "T6": "F"}
NETWORK = Network(
    ["S", "F", "U1", "U2", *TRANSFORMERS],
    ["", "S", "F", "F", *TRANSFORMERS.values()],
    ["substation", "feeder", "fuse", "fuse", *["transformer"] * len(TRANSFORMERS)],
)
_NODE = np.sort(np.repeat([NETWORK.index(t) for t in TRANSFORMERS], N)).astype(np.int32)
_PHASE = (1 << (np.arange(len(_NODE)) % 3)).astype(np.uint8)


def below(*nodes: str) -> Bools:
    found = np.zeros(len(_NODE), np.bool_)
    for name in nodes:
        part = NETWORK.subtree(NETWORK.index(name))
        found |= (part.start <= _NODE) & (part.stop > _NODE)
    return found


def scene(dark: Bools, living: Bools | None = None, *, phases: UInt8s | None = None) -> Points:
    alive = np.zeros(len(_NODE), np.bool_) if living is None else living
    connected = _PHASE if phases is None else phases
    shown = np.where(alive & ~dark, T0 + MINUTE, 0)
    return Points(
        node=_NODE,
        phases=connected,
        lost=np.where(dark, connected, np.uint8(0)),
        kinds=np.where(dark, Dark.GASP, np.uint8(0)),
        failed=np.zeros(len(_NODE), np.int32),
        dark_at=np.where(dark, T0, 0),
        area=_NODE.astype(np.int64),
        quiet=~dark & ~alive,
        silence=np.zeros(len(_NODE)),
        on_at=shown,
        lit_at=shown,
    )


def some(where: Bools, share: float, seed: int = 1) -> Bools:
    """The share of these that reports: exactly, chosen at random."""
    rows = np.flatnonzero(where)
    chosen = np.random.default_rng(seed).permutation(rows)[: round(share * len(rows))]
    return np.isin(np.arange(len(_NODE)), chosen)


def chosen(points: Points, **more: object) -> dict[str, int]:
    found = judge(NETWORK, np.array([NETWORK.index("S")]), points, SETTINGS, **more)  # type: ignore[arg-type]
    return {NETWORK.ids[c.node]: c.phases for c in found}


@pytest.mark.parametrize("share", [0.2, 0.3, 0.5, 0.8, 0.95])
@pytest.mark.parametrize("node", ["T2", "U1", "U2", "F"])
def test_one_node_explains_what_is_dark_below_it_at_any_delivery_rate(node: str, share: float) -> None:
    for seed in range(5):
        assert chosen(scene(some(below(node), share, seed))) == {node: ALL}


def test_one_report_below_each_of_two_transformers_is_no_feeder() -> None:
    dark = np.zeros(len(_NODE), np.bool_)
    dark[[3, 3 * N + 5]] = True
    found = judge(NETWORK, np.array([0]), scene(dark), SETTINGS)
    assert {(NETWORK.ids[c.node], c.alone) for c in found} == {("T1", True), ("T4", True)}


def test_a_living_transformer_vetoes_everything_above_it() -> None:
    dark = some(below("T1", "T2"), 0.6)
    assert chosen(scene(dark, below("T3"))) == {"T1": ALL, "T2": ALL}
    assert chosen(scene(some(below("U1", "U2"), 0.6), below("T6"))) == {"U1": ALL, "U2": ALL}


def test_what_lives_weighs_and_does_not_veto_once_an_outage_is_open() -> None:
    living = np.zeros(len(_NODE), np.bool_)
    living[np.flatnonzero(below("T3"))[:1]] = True
    area = np.array([NETWORK.index("U1")])
    dark = some(below("U1"), 0.6) & ~living
    assert [c.node for c in judge(NETWORK, area, scene(dark, living), SETTINGS, lenient=True)] == list(area)
    branch = some(below("T1", "T2"), 0.6)
    found = judge(NETWORK, area, scene(branch, below("T3")), SETTINGS, lenient=True)
    assert {NETWORK.ids[c.node] for c in found} == {"T1", "T2"}


@pytest.mark.parametrize("phase", [1, 2, 4])
def test_a_phase_is_lost_where_the_others_live_or_say_nothing(phase: int) -> None:
    on: Bools = np.equal(_PHASE, phase)
    dark = some(below("U1") & on, 0.7)
    assert chosen(scene(dark)) == {"U1": phase}
    assert chosen(scene(dark, below("U1") & ~on)) == {"U1": phase}


def test_life_on_a_phase_vetoes_that_phase_only() -> None:
    dark = some(below("U1") & (_PHASE == 1), 0.9)
    alive = below("U1") & (_PHASE == 2)
    assert chosen(scene(dark | some(below("U1") & (_PHASE == 4), 0.9), alive)) == {"U1": 5}


def test_a_three_phase_meter_that_gasps_is_not_explained_by_one_phase() -> None:
    phases = np.where(np.arange(len(_NODE)) % 5 == 0, ALL, 1).astype(np.uint8)
    dark = below("T1") & (phases == 1)
    whole = dark.copy()
    whole[np.flatnonzero(below("T1") & (phases == ALL))[:3]] = True
    assert chosen(scene(dark, phases=phases)) == {"T1": 1}
    assert chosen(scene(whole, phases=phases)) == {"T1": ALL}


def test_a_fault_current_points_at_or_below_the_node_it_passed_and_tells_of_no_loss_alone() -> None:
    fuse = np.array([NETWORK.index("U1")])
    nothing = np.zeros(len(_NODE), np.bool_)
    assert chosen(scene(nothing), passed=fuse) == {}
    dark = some(below("U1"), 0.4)

    def score(points: Points, **more: object) -> float:
        (found,) = judge(NETWORK, np.array([0]), points, SETTINGS, **more)  # type: ignore[arg-type]
        return found.score

    gained = score(scene(dark), passed=fuse) - score(scene(dark))
    assert math.isclose(gained, math.log(SETTINGS.delivery_rate / SETTINGS.false_rate))
    feeder = some(below("F"), 0.5)
    assert score(scene(feeder), passed=fuse) == score(scene(feeder))  # it did not pass the feeder's head only


def test_a_fault_current_is_had_once_however_many_faults_are_below() -> None:
    dark = some(below("T1", "T2", "T3"), 0.5)
    assert chosen(scene(dark), passed=np.array([NETWORK.index("U1")])) == {"U1": ALL}


@pytest.mark.parametrize("reported", [1, 2])
def test_few_of_many_meters_on_a_transformer_are_these_alone(reported: int) -> None:
    dark = np.zeros(len(_NODE), np.bool_)
    dark[:reported] = True
    points = scene(dark)
    silent = replace(points, quiet=np.zeros(len(_NODE), np.bool_))  # nothing is known of the others
    for each in (points, silent) if reported == 1 else (points,):
        found = judge(NETWORK, np.array([0]), each, SETTINGS)
        assert [(NETWORK.ids[c.node], c.alone) for c in found] == [("T1", True)]


def test_silence_beside_living_paths_carries_the_transformer_of_a_single_gasp() -> None:
    dark = np.zeros(len(_NODE), np.bool_)
    dark[0] = True
    silence = np.where(below("T1") & ~dark, math.log(1.0 / SETTINGS.silent_rate), 0.0)
    found = judge(NETWORK, np.array([0]), replace(scene(dark, ~below("T1")), silence=silence), SETTINGS)
    assert [(NETWORK.ids[c.node], c.alone) for c in found] == [("T1", False)]


@pytest.mark.parametrize(
    ("count", "failed", "outage"), [(1, 1, False), (2, 1, False), (3, 1, True), (1, 2, True)]
)
def test_exceptions_by_chance_conclude_nothing_whatever_is_silent_beside_them(
    count: int, failed: int, outage: bool
) -> None:
    dark = np.zeros(len(_NODE), np.bool_)
    dark[:count] = True
    points = replace(
        scene(dark),
        kinds=np.where(dark, Dark.TARGET_FAILED, np.uint8(0)),
        failed=np.where(dark, failed, 0).astype(np.int32),
        quiet=np.zeros(len(_NODE), np.bool_),
        silence=np.where(below("T1") & ~dark, 3.0, 0.0),
    )
    found = judge(NETWORK, np.array([0]), points, SETTINGS)
    assert [NETWORK.ids[c.node] for c in found] == ["T1"] * outage


def test_silence_alone_is_no_outage() -> None:
    points = scene(np.zeros(len(_NODE), np.bool_))
    points.silence[:] = 3.0
    assert chosen(points) == {}


@given(st.floats(1e-3, 1e7))
def test_log_gamma(x: float) -> None:
    assert math.isclose(float(log_gamma(np.array([x]))[0]), math.lgamma(x), rel_tol=1e-9, abs_tol=1e-7)


@given(st.integers(0, 60), st.integers(0, 60))
def test_reports_are_weighed_by_the_mean_over_all_delivery_rates(x: int, q: int) -> None:
    p = (np.arange(20_000) + 0.5) / 20_000  # the prior with mean 0.5 is flat
    eps = SETTINGS.false_rate
    logs = x * np.log(p / eps) + q * np.log((1 - p) / (1 - eps))
    mean = float(logs.max() + np.log(np.mean(np.exp(logs - logs.max()))))
    found = float(reported(np.array([float(x)]), np.array([float(q)]), SETTINGS)[0])
    assert math.isclose(found, mean, rel_tol=1e-3, abs_tol=1e-3)


def test_confidence_grows_with_the_score_and_is_never_certain() -> None:
    assert [Candidate(0, score).confidence for score in (0.5, 3.0, 900.0)] == [0.622, 0.953, 0.99]
