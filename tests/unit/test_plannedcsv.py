"""planned.csv is taken whole or refused with every fault and its line."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.clock import parse_time
from gateway.core.errors import InvalidInputError
from gateway.core.model import PlannedOutage
from gateway.core.network import Network
from gateway.plannedcsv import check_csv, check_json, read_planned

NETWORK = Network(["S", "F", "T0", "T1"], ["", "S", "F", "F"], ["substation", "feeder", *["transformer"] * 2])
GOOD = """reference,node,from,to,reason,by,withdrawn
WO-1,T0,2026-03-20T09:00:00+08:00,2026-03-20T12:00:00+08:00,"new poles, phase 1",Li Wei,
WO-1,T1,2026-03-20T09:00:00+08:00,2026-03-20T12:00:00+08:00,,,FALSE
WO-2,T0,2026-03-20T01:30:00Z,2026-03-20T02:00:00Z,,,true
"""
FROM, TO = "2026-03-20T09:00:00+08:00", "2026-03-20T12:00:00+08:00"


def faults_of(rows: str, header: str = "reference,node,from,to") -> list[str]:
    try:
        windows, faults = check_csv(f"{header}\n{rows}".encode(), "planned.csv", NETWORK)
    except InvalidInputError as exc:
        return list(exc.faults)
    assert faults
    assert len(windows) <= rows.count("\n") + 1
    return faults


def test_a_good_file_is_read(tmp_path: Path) -> None:
    file = tmp_path / "planned.csv"
    file.write_text(GOOD, encoding="utf-8-sig")
    windows, faults = read_planned(file, NETWORK)
    assert faults == []
    start, end = parse_time("2026-03-20T01:00:00Z"), parse_time("2026-03-20T04:00:00Z")
    assert windows[:2] == [
        PlannedOutage(
            reference="WO-1", node="T0", starts_at=start, ends_at=end, received_at=0,
            reason="new poles, phase 1", by="Li Wei",
        ),
        PlannedOutage(reference="WO-1", node="T1", starts_at=start, ends_at=end, received_at=0),
    ]  # fmt: skip
    assert (windows[2].reference, windows[2].withdrawn) == ("WO-2", True)


def test_windows_of_one_node_may_overlap_under_different_references() -> None:
    windows, faults = check_csv(
        f"reference,node,from,to\nA,T0,{FROM},{TO}\nB,T0,{FROM},{TO}\n".encode(), "", NETWORK
    )
    assert (len(windows), faults) == (2, [])


def test_columns_may_stand_in_any_order_and_the_last_three_be_absent() -> None:
    windows, faults = check_csv(f"to,by,from,node,reference\n{TO},me,{FROM},F,A\n".encode(), "", NETWORK)
    assert faults == []
    assert (windows[0].node, windows[0].by, windows[0].reason) == ("F", "me", "")


def test_every_fault_is_told_with_its_line() -> None:
    rows = f"""A,T0,{FROM},{TO}
A,T9,{FROM},2026-03-20T12:00:00
,T0,{FROM}

A,T0,{FROM},{TO}
B,,{TO},{FROM}
"""
    assert faults_of(rows) == [
        "planned.csv line 4: 3 fields where the header has 4",
        "planned.csv line 3: node 'T9' is not a node of the network",
        (
            "planned.csv line 3: to '2026-03-20T12:00:00' is not an ISO 8601 time with an offset, "
            "such as 2026-03-01T08:00:00+08:00"
        ),
        "planned.csv line 6: reference 'A' with node 'T0' is there already at planned.csv line 2",
        "planned.csv line 7: node is empty",
        f"planned.csv line 7: to {FROM} is not later than from {TO}",
    ]


@pytest.mark.parametrize(
    ("start", "end", "fault"),
    [
        (FROM, FROM, "is not later than"),
        ("2026-03-20", TO, "from '2026-03-20' is not an ISO 8601 time"),
        ("", TO, "from '' is not an ISO 8601 time"),
        ("2026-02-30T00:00:00Z", TO, "from '2026-02-30T00:00:00Z' is not"),
        ("2026-03-01T00:00:00Z", "2026-04-01T00:00:01Z", "is longer than 31 days"),
        (
            "1999-12-31T12:00:00Z",
            "2000-01-01T00:00:00Z",
            "from '1999-12-31T12:00:00Z' lies outside the years 2000",
        ),
        ("2199-12-31T12:00:00Z", "9999-12-31T23:00:00-10:00", "to '9999-12-31T23:00:00-10:00' lies outside"),
    ],
)
def test_impossible_windows(start: str, end: str, fault: str) -> None:
    (found,) = faults_of(f"A,T0,{start},{end}\n")
    assert fault in found


def test_the_longest_window_is_31_days() -> None:
    table = b"reference,node,from,to\nA,T0,2026-03-01T00:00:00Z,2026-04-01T00:00:00Z\n"
    assert check_csv(table, "", NETWORK)[1] == []


@pytest.mark.parametrize(
    ("header", "row", "fault"),
    [
        ("reference,node,from", f"A,T0,{FROM}", "line 1: column to is missing; wanted: reference,node,from,to"),
        ("reference,node,from,to,withdrawal", f"A,T0,{FROM},{TO},true", "line 1: there is no column withdrawal"),
        ("reference,node,from,to,to", f"A,T0,{FROM},{TO},", "line 1: column to stands there twice"),
        ("reference,node,from,to,withdrawn", f"A,T0,{FROM},{TO},no", "line 2: withdrawn 'no' is not true, false"),
        ("reference,node,from,to", f'"{"x" * 101}",T0,{FROM},{TO}', "is longer than 100 characters"),
        ("reference,node,from,to", f'"a\tb",T0,{FROM},{TO}', "reference 'a\\tb' holds a control character"),
        ("reference,node,from,to,reason", f'A,T0,{FROM},{TO},"a\nb"', "reason 'a\\nb' holds a control character"),
        ("reference,node,from,to", "", "there is no window in it"),
        ("reference,node,from,to", f"a\0b,T0,{FROM},{TO}", "line 2: there is a NUL character"),
        ("reference,node,from,to", f'"A,T0,{FROM},{TO}', "line 2: unexpected end of data"),
    ],
)  # fmt: skip
def test_what_is_no_good_table(header: str, row: str, fault: str) -> None:
    (found,) = faults_of(row, header)
    assert fault in found


def test_a_file_that_is_not_there_or_no_text_is_named(tmp_path: Path) -> None:
    assert read_planned(tmp_path / "none.csv", NETWORK) == (
        [],
        [f"{tmp_path}/none.csv: No such file or directory"],
    )
    (tmp_path / "odd.csv").write_bytes(b"\xff\xfe")
    assert read_planned(tmp_path / "odd.csv", NETWORK) == ([], ["odd.csv: byte 0 is not UTF-8"])


def test_a_list_of_anything_else_is_not_looked_at_to_the_end() -> None:
    windows, faults = check_json(b"[" + b"5," * 1_000_000 + b"5]", "body", NETWORK)
    assert (windows, len(faults)) == ([], 10_001)
    assert faults[-1] == "body: nothing is looked at from item 10000 on"


def test_a_huge_field_makes_no_huge_message() -> None:
    (found,) = faults_of(f"A,{'x' * 50_000},{FROM},{TO}\n")[:1]
    assert len(found) < 200


@given(data=st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace")))
def test_anything_is_read_or_refused_in_words(data: bytes) -> None:
    for check in (check_csv, check_json):
        try:
            windows, faults = check(data, "body", NETWORK)
        except InvalidInputError as exc:
            windows, faults = [], list(exc.faults)
        assert windows == []
        assert faults
