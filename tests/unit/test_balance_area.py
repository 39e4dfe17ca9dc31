"""The balance of areas: what counts, what is left out and said so, and what the book keeps."""

from __future__ import annotations

import datetime as dt

import numpy as np

from gateway.core.clock import DAY, HOUR, MINUTE
from gateway.core.inventory import Device, Inventory
from gateway.core.meterdata import Intervals, IntervalStatus, Rule
from gateway.core.network import Network
from processors.balance.area import AreaBook, AreaSums
from processors.balance.areas import Areas
from tests.unit.balance_world import DAY0, SETTINGS, START, world

QUARTER = 15 * MINUTE


def inventory() -> Inventory:
    """T1 with a terminal, a head meter and two members, one on a service below; T2 with a head meter; T3 unmeasured."""
    network = Network(
        ["S", "F", "T1", "V", "T2", "T3"],
        ["", "S", "F", "T1", "F", "F"],
        ["substation", "feeder", "transformer", "service", "transformer", "transformer"],
        attributes=[{}, {}, {"rated_kva": "250"}, {}, {"rated_kva": "many"}, {}],
    )
    devices = [
        Device(id="X1", node="T1", kind="terminal", customers=0),
        Device(id="H1", node="T1", customers=0),
        Device(id="A", node="T1"),
        Device(id="B", node="V", customers=3),
        Device(id="H2", node="T2", customers=0),
        Device(id="C", node="T2"),
        Device(id="D", node="T3"),
        Device(id="K", node="T1", kind="concentrator", customers=0),
    ]
    return Inventory(devices, network)


def intervals(
    device: int,
    kwh: list[float],
    *,
    quantity: str = "energy_import",
    step: int = QUARTER,
    status: IntervalStatus = IntervalStatus.VALID,
    rules: Rule = Rule.NONE,
    skip: int = 0,
) -> Intervals:
    n = len(kwh)
    start = START + (skip + np.arange(n)) * step
    value = np.array(kwh, np.float64)
    return Intervals(
        quantity=quantity,
        device=np.full(n, device, np.int32),
        start=start,
        end=start + step,
        raw=value,
        value=value,
        status=np.full(n, status, np.uint8),
        rules=np.full(n, int(rules), np.int64),
    )


def test_whose_register_counts_for_what() -> None:
    held = inventory()
    areas = Areas.of(held)
    assert [held.network.ids[node] for node in areas.node] == ["T1", "T2"]
    assert [held.ids[i] for i in np.flatnonzero(areas.supply)] == ["X1", "H2"]
    assert [held.ids[i] for i in np.flatnonzero(areas.member)] == ["A", "B", "C"]
    assert areas.members.tolist() == [2, 1]
    np.testing.assert_array_equal(areas.rated_kva, [250, np.nan])
    assert [held.ids[i] for i in areas.devices(np.array([0], np.int32))] == ["X1", "A", "B"]
    assert areas.row(int(areas.node[1])) == 1
    assert areas.row(held.network.index("T3")) == -1


def test_supplied_less_sold_and_what_is_left_out() -> None:
    sums = AreaSums(Areas.of(inventory()), START, START + HOUR, QUARTER)
    sums.add(intervals(0, [10.0, 10, 10, 10]))
    sums.add(intervals(2, [4.0, 4, 4, 4]))
    sums.add(intervals(2, [1.0, 1, 1, 1], quantity="energy_export"))
    sums.add(intervals(3, [6.0, 6], status=IntervalStatus.SUSPECT))
    sums.add(intervals(3, [6.0], status=IntervalStatus.ESTIMATED, skip=2))
    sums.add(intervals(3, [6.0], rules=Rule.SPIKE, skip=3))
    sums.add(intervals(5, [1.0, 1, 1, 1]))
    sums.add(intervals(4, [3.0, np.nan, 3], status=IntervalStatus.VALID))
    made = sums.losses(DAY0)
    assert (made.supplied.tolist(), made.sold.tolist()) == ([20.0, 6.0], [18.0, 2.0])
    assert (made.intervals.tolist(), made.used.tolist()) == ([4, 4], [2, 2])
    assert (made.without_supply.tolist(), made.without_member.tolist()) == ([0, 2], [2, 0])
    np.testing.assert_allclose(made.ratio, [0.1, 4 / 6])
    # x = 40 kW, l = 4 kW, twice
    np.testing.assert_allclose(made.moments[0], [2, 80, 3200, 2 * 40**4, 8, 32, 320, 12800])


def test_an_interval_without_the_export_that_there_was_before_does_not_count() -> None:
    sums = AreaSums(Areas.of(inventory()), START, START + HOUR, QUARTER)
    sums.add(intervals(4, [3.0, 3, 3, 3]))
    sums.add(intervals(5, [1.0, 1, 1, 1]))
    exported = intervals(5, [2.0, np.nan], quantity="energy_export")
    sums.add(exported)
    made = sums.losses(DAY0)
    assert (made.used[1], made.without_member[1], made.sold[1]) == (3, 1, 1.0)


def test_a_longer_interval_is_shared_out_over_the_grid() -> None:
    sums = AreaSums(Areas.of(inventory()), START, START + HOUR, QUARTER)
    sums.add(intervals(4, [3.0, 3, 3, 3]))
    sums.add(intervals(5, [8.0], step=HOUR))
    made = sums.losses(DAY0)
    assert (made.used[1], made.sold[1]) == (4, 8.0)


def test_columns_and_rows_give_the_same_sums() -> None:
    areas = Areas.of(inventory())
    a, b = (AreaSums(areas, START, START + HOUR, QUARTER) for _ in range(2))
    kwh = np.random.default_rng(2).uniform(0, 5, (6, 4))
    for device in range(6):
        a.add(intervals(device, kwh[device].tolist()))
    b.add_dense(np.arange(6, dtype=np.int32)[::-1].copy(), kwh[::-1], np.ones((6, 4), np.bool_))
    for left, right in ((a.losses(DAY0), b.losses(DAY0)),):
        np.testing.assert_allclose(left.moments, right.moments)
        np.testing.assert_array_equal(left.used, right.used)


def test_the_book_takes_days_in_any_order_and_again_and_forgets_the_oldest() -> None:
    played = world(areas=2, members=3, days=12, slots=24)
    areas = Areas.of(played.inventory)
    days = played.losses(areas)
    book = AreaBook.of(areas.node, [*days[6:], *days[:6], days[3]], keep_days=10)
    assert book.day.tolist() == [(DAY0 + dt.timedelta(d)).toordinal() for d in range(2, 12)]
    assert book.start.tolist() == [START + d * DAY for d in range(2, 12)]
    straight = AreaBook.of(areas.node, days, keep_days=10)
    np.testing.assert_array_equal(book.moments, straight.moments)
    assert (book.coverage == 1).all()
    one = AreaBook.of(areas.node[1:], days, keep_days=SETTINGS.history_days)
    np.testing.assert_array_equal(one.moments[0], AreaBook.of(areas.node, days, keep_days=90).moments[1])
