"""Command lines that the demo offers."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from gateway.core.clock import parse_time
from gateway.demo.entrance import report


@pytest.mark.parametrize(
    ("at", "month"),
    [("2026-10-31T15:59:59Z", "2026-10"), ("2026-10-31T16:00:00Z", "2026-11")],
)
def test_the_report_is_of_the_month_in_the_district(at: str, month: str) -> None:
    words = shlex.split(report(Path("/tmp/a demo/feederline.yaml"), parse_time(at)))
    assert words[-5:] == ["report", "--month", month, "-c", "/tmp/a demo/feederline.yaml"]
