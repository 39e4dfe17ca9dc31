"""network.csv and devices.csv are taken whole or refused with every fault and its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.core.errors import InvalidInputError
from gateway.csvfiles import load_devices, load_network

NETWORK = """node_id,parent_id,kind,name,phases,lat,lon,rated_kva
S1,,substation,Riverside,ABC,31.2,121.4,
F1,S1,feeder,North,ABC,,,
T1,F1,transformer,"Market, east",ABC,,,400
M1,T1,service,,A,,,
"""
DEVICES = """device_id,node_id,kind,protocol,profile,address,via,phases,customers,priority,interval_s,area
C1,T1,concentrator,modbus,eastron-sdm120,127.0.0.1:1502/0,,ABC,0,,60,urban
D1,M1,meter,modbus,eastron-sdm120,127.0.0.1:1502/1,C1,A,3,critical,30,
"""


def write(folder: Path, network: str = NETWORK, devices: str = DEVICES) -> tuple[Path, Path]:
    (folder / "network.csv").write_text(network, encoding="utf-8")
    (folder / "devices.csv").write_text(devices, encoding="utf-8")
    return folder / "network.csv", folder / "devices.csv"


def test_a_good_pair_is_read(tmp_path: Path) -> None:
    network_file, devices_file = write(tmp_path)
    network = load_network(network_file)
    transformer = network.index("T1")
    assert network.names[transformer] == "Market, east"
    assert network.attributes == {transformer: {"rated_kva": "400"}}
    inventory = load_devices(devices_file, network, known=["gone", "D1"])
    assert inventory.ids == ("gone", "D1", "C1")
    assert inventory.key("gone") is None
    meter = inventory.key("D1")
    assert meter == 1
    assert inventory.device(meter).priority == "critical"
    assert inventory.ids[inventory.via[meter]] == "C1"
    assert inventory.served == 3
    assert inventory.device(2).attributes == {"area": "urban"}


def test_a_byte_order_mark_and_blank_lines_are_no_fault(tmp_path: Path) -> None:
    network_file, _ = write(tmp_path, network="\ufeff" + NETWORK + "\n\n")
    assert len(load_network(network_file)) == 4


def test_every_fault_of_a_network_is_named_with_its_line(tmp_path: Path) -> None:
    bad = (
        NETWORK
        + "M1,T1,service,,A,,,\nX,nowhere,box,,AA,95,x,\nP,Q,fuse,,,,,\nQ,P,fuse,,,,,\n,T1,service,,,,,\nshort\n"
    )
    network_file, _ = write(tmp_path, network=bad)
    with pytest.raises(InvalidInputError) as caught:
        load_network(network_file)
    text = str(caught.value)
    for expected in (
        "line 6: node_id 'M1' is there already at network.csv line 5",
        "line 7: parent_id 'nowhere' is not a node",
        "line 7: kind 'box' is not one of substation, feeder",
        "line 7: phases 'AA'",
        "line 7: lat '95' is not a number between -90 and 90",
        "line 7: lon 'x'",
        "a cycle: P -> Q -> P",
        "line 10: node_id is empty",
        "line 11: 1 fields where the header has 8",
    ):
        assert expected in text, text


def test_every_fault_of_the_devices_is_named_with_its_line(tmp_path: Path) -> None:
    bad = DEVICES + (
        "D1,M1,meter,mqtt,,,,A,1,,60,\n"
        "D2,M9,clock,http,,,D2,Q,many,urgent,0,\n"
        "T9,T1,terminal,mqtt,,,,ABC,4,,60,\n"
        "D3,M1,meter,mqtt,,,D1,A,1_0,,60,\n"
    )
    network_file, devices_file = write(tmp_path, devices=bad)
    with pytest.raises(InvalidInputError) as caught:
        load_devices(devices_file, load_network(network_file))
    text = str(caught.value)
    for expected in (
        "line 4: device_id 'D1' is there already at devices.csv line 3",
        "line 5: customers 'many' is not a whole number",
        "line 5: node_id 'M9' of device 'D2' is not a node of the network",
        "line 5: kind 'clock'",
        "line 5: protocol 'http' is not one of modbus, mqtt",
        "line 5: via 'D2' is not another device",
        "line 5: phases 'Q'",
        "line 5: priority 'urgent'",
        "line 5: interval_s 0 is not between 1 and 86400",
        "line 6: customers 4 on a terminal",
        "line 7: customers '1_0' is not a whole number",
        "line 7: via 'D1' is not of kind concentrator",
    ):
        assert expected in text, text


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "column node_id is missing"),
        (b"node_id,node_id\n", "column node_id stands there twice"),
        pytest.param(b"," * 2_000_000, "2000001 columns; at most 1000", id="commas"),
        (b"\xff\xfe", "is not UTF-8"),
        (NETWORK.encode() + b"a\x00b", "line 6: there is a NUL character"),
        (NETWORK.encode() + b'"unclosed,x\n', "line 6"),
        (NETWORK.splitlines()[0].encode(), "there is no node in it"),
    ],
)
def test_what_is_no_such_table_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    file = tmp_path / "network.csv"
    file.write_bytes(content)
    with pytest.raises(InvalidInputError, match=message):
        load_network(file)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match=r"network\.csv: No such file"):
        load_network(tmp_path / "network.csv")
