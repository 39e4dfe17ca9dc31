"""The bench of anomalous usage: customers are what they say, thefts take what they should, figures are as defined."""

from __future__ import annotations

import numpy as np
import pytest

from bench.usage.play import inventory_of
from bench.usage.population import Population, Trait
from bench.usage.score import Course, auc, figures, precision_at
from bench.usage.shapes import CLASSES, DAYS, Simulated, source, working
from bench.usage.thefts import KINDS, Meters, Theft
from gateway.core.inventory import DeviceKind
from gateway.core.model import Float64s

SLOTS, LENGTH = 24, 120


@pytest.fixture(scope="module")
def population() -> Population:
    return Population(1_500, LENGTH, 5, Simulated(SLOTS))


@pytest.fixture(scope="module")
def meters(population: Population) -> Meters:
    return Meters(population, seed=5, prevalence=0.04, settled=40)


def test_every_class_has_profiles_whose_year_averages_to_one() -> None:
    shapes = Simulated(96)
    year = np.mean([shapes.day(day).mean(axis=1) for day in range(DAYS)], axis=0)
    assert year == pytest.approx(np.ones(len(year)), abs=0.03)
    assert all(len(shapes.of_class(k)) for k in range(len(CLASSES)))


def test_the_first_day_is_a_friday_and_a_holiday() -> None:
    assert [working(day) for day in range(6)] == [False, False, False, True, True, True]


def test_simbench_is_named_only_where_its_data_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.usage.shapes.simbench_folder", lambda: None)
    assert source("simbench", 24) is None
    assert source("simulator", 24) is not None


def test_the_same_seed_makes_the_same_day_whatever_was_asked_before(population: Population) -> None:
    again = Population(1_500, LENGTH, 5, Simulated(SLOTS))
    again.use(3)
    assert np.array_equal(again.use(70).drawn, population.use(70).drawn)
    assert not np.array_equal(
        Population(1_500, LENGTH, 6, Simulated(SLOTS)).use(70).drawn, again.use(70).drawn
    )


def test_honest_people_do_what_their_trait_says(population: Population) -> None:
    who = population.people
    before, after = _mean(population, 0, 40), _mean(population, 100, LENGTH)
    change = np.log(np.maximum(after, 1e-9) / before)
    long_since = who.since < 95
    declined = (who.trait == Trait.DECLINED) & long_since
    efficient = (who.trait == Trait.EFFICIENT) & long_since
    plain = np.median(change[who.trait == Trait.PLAIN])
    assert np.median(change[declined]) - plain < -0.4
    assert -0.4 < np.median(change[efficient]) - plain < -0.1
    gone = (who.trait == Trait.VACANT) & (who.since < 100) & (who.until > LENGTH)
    assert np.median(change[gone]) < -1.5
    assert (who.listed != who.area).sum() == (who.trait == Trait.MISPLACED).sum()


def test_areas_have_fifteen_to_sixty_customers_in_a_row(population: Population) -> None:
    area = population.people.area
    assert (np.diff(area) >= 0).all()
    sizes = np.bincount(area)
    assert sizes.min() >= 15
    assert sizes.max() < 60 + 15


def test_thefts_begin_when_they_say_and_take_their_share(population: Population, meters: Meters) -> None:
    truth, who = meters.truth, population.people
    assert np.bincount(truth.kind[~truth.ever], minlength=len(Theft))[1:].tolist() == [10] * len(KINDS)
    assert (who.trait[truth.kind != Theft.NONE] == Trait.PLAIN).all()
    assert who.polyphase[np.isin(truth.kind, (Theft.REVERSED_PHASE, Theft.FAILED_CT))].all()
    day = LENGTH - 1
    use, read = population.use(day), meters.read(day)
    share = read.imported.sum(axis=1) / np.maximum(use.drawn.sum(axis=1), 1e-9)
    on = truth.since <= day
    assert share[(truth.kind == Theft.NONE) & (who.trait == Trait.PLAIN)] == pytest.approx(1.0, abs=0.02)
    assert (share[(truth.kind == Theft.BYPASS_ALL) & on] < 0.04).all()
    slow = (truth.kind == Theft.SLOW) & on
    assert share[slow] == pytest.approx(1 - truth.extent[slow], abs=0.02)
    phase = meters.shares(day)[np.arange(len(who)), truth.phase]
    failed = (truth.kind == Theft.FAILED_CT) & on
    assert share[failed] == pytest.approx(1 - phase[failed], abs=0.02)
    turned = (truth.kind == Theft.REVERSED_PHASE) & on
    net = (read.imported - read.exported).sum(axis=1) / np.maximum(use.drawn.sum(axis=1), 1e-9)
    assert net[turned] == pytest.approx(1 - 2 * phase[turned], abs=0.02)
    assert (read.phases[turned, truth.phase[turned]] * net[turned] < 0).any()


def test_what_passes_a_transformer_is_used_lost_or_tapped(population: Population, meters: Meters) -> None:
    day, who = 30, population.people  # nothing is stolen yet but by those who always did
    use, read = population.use(day), meters.read(day)
    used = np.bincount(who.area, (use.drawn - use.fed).sum(axis=1))
    lost = read.supplied.sum(axis=1) / used - 1
    assert ((lost > 0) & (lost < 0.15)).all()
    tapped = meters.truth.tapped > 0
    assert tapped.any()
    late = LENGTH - 1
    use = population.use(late)
    used = np.bincount(who.area, (use.drawn - use.fed).sum(axis=1))
    more = meters.read(late).supplied.sum(axis=1) / used - 1 - lost
    assert more[tapped].mean() > more[~tapped].mean() + 0.03


def test_the_inventory_lists_meters_first_and_a_terminal_per_transformer(
    population: Population, meters: Meters
) -> None:
    who = population.people
    inventory = inventory_of(who, meters.rated_kva)
    assert len(inventory.ids) == len(who) + who.areas
    kinds = inventory.kind
    assert (kinds[: len(who)] == DeviceKind.METER).all()
    assert (kinds[len(who) :] == DeviceKind.TERMINAL).all()
    assert np.array_equal(inventory.node[: len(who)], inventory.node[len(who) :][who.listed])


def test_auc_counts_pairs_and_equal_scores_half() -> None:
    assert auc(np.array([0.1, 0.4, 0.35, 0.8]), np.array([False, False, True, True])) == 0.75
    assert auc(np.array([0.5, 0.5]), np.array([False, True])) == 0.5
    assert auc(np.array([0.5, 0.6]), np.array([False, False])) is None


def test_places_that_equal_scores_compete_for_are_shared() -> None:
    assert precision_at(np.array([0.9, 0.8, 0.1]), np.array([True, False, False]), 2) == 0.5
    assert precision_at(
        np.array([0.9, 0.5, 0.5, 0.5]), np.array([True, True, False, False]), 2
    ) == pytest.approx((1 + 1 / 3) / 2)


def test_figures_of_a_course_that_is_known(population: Population, meters: Meters) -> None:
    """A seer who knows the truth three days late, and cries at one honest customer."""
    truth = meters.truth
    thief = truth.kind != Theft.NONE
    day = np.arange(LENGTH)[:, None]
    score = np.where(thief & (day >= truth.since + 3), 0.95, 0.005).astype(np.float32)
    victim = int(np.flatnonzero(~thief)[0])
    score[-5:, victim] = 0.6
    opens = score >= 0.5
    found = np.where(truth.tapped > 0, truth.tapped_since + 9, -1)
    result = figures(
        [
            Course(
                people=population.people,
                truth=truth,
                score=score,
                alone=np.full_like(score, 0.01),
                opens=opens,
                opens_alone=np.zeros_like(opens),
                judged_from=40,
                found_area=found,
            )
        ]
    )
    full, alone, areas = (result[key] for key in ("with_balance", "without_balance", "areas"))
    assert isinstance(full, dict)
    assert isinstance(alone, dict)
    assert isinstance(areas, dict)
    assert full["auc_highest"] == 1.0
    assert full["precision_top"] == 1.0
    assert full["detected"] == 1.0
    assert full["false_alarms"] == 1
    assert {kind: row["days_median"] for kind, row in full["kinds"].items() if kind != "since_ever"} == {
        kind.word: 4.0 for kind in KINDS
    }
    assert sum(row["cried_at"] for row in full["honest_kinds"].values()) == 1
    assert full["calibration"][-1]["found"] == 1.0
    assert full["calibration"][5]["found"] == 0.0
    assert alone["auc_highest"] == 0.5
    assert alone["detected"] == 0.0
    assert (areas["found"], areas["days_median"], areas["clean_told"]) == (areas["tapped"], 10.0, 0)


def _mean(population: Population, first: int, last: int) -> Float64s:
    mean: Float64s = np.mean([population.use(day).drawn.sum(axis=1) for day in range(first, last, 3)], axis=0)
    return mean
