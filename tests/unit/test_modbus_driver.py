"""What the driver refuses before it connects to anything."""

from __future__ import annotations

import pytest

from drivers.modbus.address import Endpoint, parse_address, parse_endpoint
from drivers.modbus.devices import faults_of
from drivers.modbus.driver import ModbusDriver
from drivers.modbus.settings import ModbusSettings
from drivers.profile import load_profiles
from gateway.core.clock import ManualClock
from gateway.core.errors import InvalidInputError
from gateway.core.inventory import Device, Inventory
from gateway.core.network import Network

PROFILES = load_profiles()


@pytest.mark.parametrize(
    ("text", "endpoint", "unit"),
    [
        ("10.0.0.7/1", Endpoint("10.0.0.7", 502), 1),
        ("meter-7.example:1502/247", Endpoint("meter-7.example", 1502), 247),
        ("[::1]/0", Endpoint("::1", 502), 0),
        ("[fe80::1]:1502/255", Endpoint("fe80::1", 1502), 255),
    ],
)
def test_addresses(text: str, endpoint: Endpoint, unit: int) -> None:
    assert parse_address(text) == (endpoint, unit)
    assert parse_endpoint(endpoint.source.removeprefix("modbus:")) == endpoint


@pytest.mark.parametrize(
    "text", ["", "/1", "10.0.0.7", "10.0.0.7/", "10.0.0.7/256", "10.0.0.7/-1", "10.0.0.7/x", "a:0/1", "a:65536/1",
             "a:b/1", "::1/1", "a b/1", ":502/1", "10.0.0.7/1/2", "a:५०२/1"],
)  # fmt: skip
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_address(text)


def inventory(*rows: dict[str, object]) -> Inventory:
    devices = [
        Device(**{"id": f"M{i}", "node": "T", "protocol": "modbus", "profile": "acrel-adw300", **row})  # type: ignore[arg-type]
        for i, row in enumerate(rows)
    ]
    return Inventory(devices, Network(["T"], [""], ["transformer"]))


def test_all_faults_of_an_inventory_are_listed() -> None:
    devices = inventory(
        {"address": "10.0.0.7/1"},
        {"address": "10.0.0.7:502/1"},
        {"address": "10.0.0.7"},
        {"address": "10.0.0.7/3", "profile": "no-such-meter"},
        {"address": "10.0.0.7/4", "attributes": {"ct_ratio": "lots"}},
        {"address": "10.0.0.7/5", "attributes": {"pt_ratio": "100/0"}},
        {"address": "10.0.0.7/6", "attributes": {"ct_ratio": "200/5", "pt_ratio": "1"}},
        {"address": "nothing at all", "protocol": "mqtt"},
        {"address": "10.0.0.7/8", "profile": ""},
    )
    with pytest.raises(InvalidInputError) as caught:
        ModbusDriver(devices, PROFILES, ModbusSettings(), ManualClock())
    faults = caught.value.faults
    assert list(faults_of(devices, PROFILES)) == list(faults)
    for name, fault in zip(("M1", "M2", "M3", "M4", "M5", "M8"), faults, strict=True):
        assert f"device {name!r}: " in fault
    assert "is device 'M0' already" in faults[0]
    assert "eastron-sdm630" in faults[2]
    assert faults[5].startswith("device 'M8': profile is missing; there are: abb-b23, ")


def test_a_good_inventory_has_no_faults() -> None:
    devices = inventory(
        {"address": "10.0.0.7/1", "via": "M1"},
        {"address": "10.0.0.7", "profile": "", "kind": "concentrator"},
        {"address": "10.0.0.8/1"},
    )
    assert faults_of(devices, PROFILES) == ()


def test_a_load_profile_is_kept_by_whose_profile_says_where() -> None:
    meter = {"profile": "feederline-meter"}
    devices = inventory(
        {"address": "10.0.0.7/1", "attributes": {"load_profile": "yes"}},
        {"address": "10.0.0.7/2", "attributes": {"load_profile": "perhaps"}},
        {"address": "10.0.0.7/3", "attributes": {"load_profile": "no"}},
        {"address": "10.0.0.7/4", "attributes": {"load_profile": "yes"}, **meter},
        {"address": "10.0.0.7/5", **meter},
    )
    assert faults_of(devices, PROFILES) == (
        "device 'M0': load_profile is yes, but profile 'acrel-adw300' says nothing of one",
        "device 'M1': load_profile 'perhaps' is neither yes nor no",
    )
