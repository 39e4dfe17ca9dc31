"""How urgent a ticket is, and in which area it lies."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from alerts.areas import Areas
from alerts.desk import Desk
from alerts.impact import impact
from alerts.settings import SeverityRule
from alerts.severity import rises_at, severity
from gateway.core.clock import DAY, HOUR, MINUTE, SECOND
from gateway.core.inventory import Device, Inventory
from gateway.core.model import Incident, IncidentState
from gateway.core.network import Network
from gateway.core.ticket import TicketRequest, TicketState
from tests.alerting import AT, NO_CLOCKS, district, outage, settings, target

PRIORITIES = ["", "important", "public_welfare", "lifeline", "", "important"]


def town(areas: dict[str, str] | None = None, **of_devices: str) -> Inventory:
    """Meters M0 … M5 below T1 with every priority and 1 … 6 customers; `areas` by node, `of_devices` by device."""
    ids = ["S", "F", "T1", "T2"]
    network = Network(
        ids,
        ["", "S", "F", "F"],
        ["substation", "feeder", "transformer", "transformer"],
        attributes=[{"area": word} if (word := (areas or {}).get(name, "")) else {} for name in ids],
    )
    devices = [
        Device(
            id=f"M{i}",
            node="T1",
            priority=priority,
            customers=i + 1,
            attributes={"area": of_devices[f"M{i}"]} if f"M{i}" in of_devices else {},
        )
        for i, priority in enumerate(PRIORITIES)
    ]
    return Inventory(devices, network)


def below(node: str = "T1", devices: tuple[int, ...] = (0, 1, 2, 3, 4, 5), customers: int = 21) -> Incident:
    return outage(node=node, devices=devices, customers=customers)


def test_impact_counts_every_priority() -> None:
    touched = impact(below(), town())
    assert (touched.critical_points, touched.public_welfare_points, touched.important_points) == (1, 1, 2)
    assert touched.critical_customers == 4
    assert touched.public_welfare_customers == 3
    assert touched.important_customers == 2 + 6
    assert touched.ordinary_customers == 1 + 5
    assert impact(below(devices=()), town()).ordinary_customers == 0


@pytest.mark.parametrize(
    ("rule", "reached"),
    [
        ({}, False),
        ({"customers": 21}, True),
        ({"customers": 22}, False),
        ({"critical": 1}, True),
        ({"critical": 2}, False),
        ({"public_welfare": 1}, True),
        ({"public_welfare": 2}, False),
        ({"important": 2}, True),
        ({"important": 3}, False),
        ({"level": "transformer"}, True),
        ({"level": "service"}, True),
        ({"level": "section"}, False),
        ({"minutes": 10}, True),
        ({"minutes": 10.001}, False),
        ({"customers": 999, "minutes": 5}, True),
    ],
)
def test_any_threshold_is_enough(rule: dict[str, object], reached: bool) -> None:
    rules = [SeverityRule(), SeverityRule.model_validate(rule)]
    incident = below()
    at = incident.started_at + 10 * MINUTE
    assert severity(incident, town(), rules, at=at) == (2 if reached else 3)


def test_levels_above_count_and_unknown_places_have_none() -> None:
    rules = [SeverityRule(level="substation"), SeverityRule(level="feeder")]
    found = [severity(below(node), town(), rules, at=AT) for node in ("S", "F", "T1", "gone")]
    assert found == [1, 2, 3, 3]


def test_how_long_it_lasted_is_until_supply_was_back() -> None:
    rules = [SeverityRule(), SeverityRule(minutes=60)]
    over = outage(state=IncidentState.RESTORED, restored_at=AT + 59 * MINUTE)
    assert severity(over, district(), rules, at=AT + DAY) == 3
    assert severity(outage(), district(), rules, at=AT + DAY) == 2
    assert severity(outage(), district(), rules, at=None) == 3
    assert rises_at(over, 3, rules) is None
    assert rises_at(outage(), 3, rules) == AT - 5 * SECOND + HOUR
    assert rises_at(outage(), 2, rules) is None


def test_a_ticket_becomes_more_urgent_as_time_goes_by() -> None:
    rules = {"severity_1": {"minutes": 90}, "severity_2": {"minutes": 30}}
    desk = Desk(district(), settings(target(), sla=NO_CLOCKS, **rules))
    incident = outage()
    ticket = desk.open(incident, number=1, at=AT).ticket
    seen = []
    while (at := desk.again_at(incident, ticket)) is not None:
        assert desk.follow(incident, ticket, at=at - 1) is None
        step = desk.follow(incident, ticket, at=at)
        assert step is not None
        assert step.transition.action == "update"
        assert step.transition.reason.startswith("more urgent as time goes by: ")
        ticket = step.ticket
        seen.append(((at - incident.started_at) // MINUTE, ticket.severity))
    assert seen == [(30, 2), (90, 1)]
    assert ticket.state is TicketState.PREDICTED


def test_what_a_crew_called_restored_does_not_become_more_urgent() -> None:
    desk = Desk(district(), settings(target(), sla=NO_CLOCKS, reopen_after_s=DAY // SECOND))
    ticket = desk.open(outage(), number=1, at=AT).ticket
    back = desk.act(outage(), ticket, TicketRequest(action="restore", by="li", origin="api"), at=AT).ticket
    assert desk.again_at(outage(), back) == AT + DAY
    assert desk.follow(outage(), back, at=AT + 23 * HOUR) is None


def test_time_alone_makes_nothing_less_urgent() -> None:
    desk = Desk(district(), settings(target()))
    ticket = desk.open(outage(customers=1000), number=1, at=AT).ticket
    assert desk.follow(outage(customers=1), ticket, at=AT + HOUR) is None


# Areas


@pytest.mark.parametrize(
    ("areas", "node", "area"),
    [
        ({"T1": "remote"}, "T1", "remote"),
        ({"F": "rural"}, "T1", "rural"),
        ({"S": "remote", "F": "rural"}, "T1", "rural"),
        ({"S": "remote", "F": "rural"}, "S", "remote"),
        ({"T1": "city", "S": "remote"}, "T1", "remote"),
        ({"T2": "remote"}, "T1", "urban"),
        ({}, "T1", "urban"),
        ({"S": "rural"}, "gone", "rural"),
    ],
)
def test_the_nearest_node_that_has_an_area_says(areas: dict[str, str], node: str, area: str) -> None:
    assert Areas(town(areas), "urban").of(below(node)) == area


def test_else_most_customers_among_members_say_and_of_equals_the_strictest() -> None:
    areas = Areas(town({}, M0="urban", M1="urban", M2="rural", M5="remote", M4="moon"), "remote")
    assert areas.of(below(devices=(0, 1, 2))) == "urban"  # 3 against 3
    assert areas.of(below(devices=(0, 2))) == "rural"  # 1 against 3
    assert areas.of(below(devices=(0, 1, 2, 3, 4, 5))) == "remote"  # 6
    assert areas.of(below(devices=(3, 4))) == "remote"  # nothing says
    assert areas.of(below(devices=())) == "remote"


def test_members_without_customers_say_too() -> None:
    network = Network(["S"], [""], ["substation"])
    sensors = [Device(id="A", node="S", customers=0, attributes={"area": "rural"})]
    assert Areas(Inventory(sensors, network), "urban").of(outage(node="S", devices=(0,))) == "rural"


def test_devices_no_longer_listed_say_nothing() -> None:
    network = Network(["S"], [""], ["substation"])
    inventory = Inventory([Device(id="A", node="S")], network, known=["gone", "A"])
    areas = Areas(inventory, "rural")
    assert areas.of(outage(node="S", devices=(0, 1))) == "rural"
    assert np.all(areas.device == 3)


def test_the_ticket_moves_with_its_incident() -> None:
    desk = Desk(town({"T1": "remote", "F": "urban"}), settings(target()))
    ticket = desk.open(below(), number=1, at=AT).ticket
    assert ticket.area == "remote"
    wider = msgspec.structs.replace(below("F"), revision=2)
    step = desk.follow(wider, ticket, at=AT + MINUTE)
    assert step is not None
    assert step.ticket.area == "urban"
