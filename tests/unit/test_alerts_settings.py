from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from alerts.areas import AREAS
from alerts.retry import next_try_at
from alerts.settings import AlertSettings, Limits
from alerts.targets import RetrySettings
from alerts.webhook import Endpoint, endpoints, new_secret
from gateway.core.clock import DAY, SECOND
from gateway.core.errors import InvalidInputError
from gateway.core.ticket import Delivery
from tests.alerting import AT, SECRET, settings, target


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("ftp://desk.example/", "not an http or https address"),
        ("https:///path", "not an http or https address"),
        ("https://", "not an http or https address"),
        ("nonsense", "not an http or https address"),
        ("https://desk.example:port/", "not an http or https address"),
        ("https://user:word@desk.example/", "holds a user name or password"),
        ("http://desk.example/", "is not encrypted"),
    ],
)
def test_addresses_that_are_refused(url: str, fault: str) -> None:
    with pytest.raises(ValidationError, match=fault):
        target(url)


@pytest.mark.parametrize(
    "url", ["https://desk.example/a", "http://127.0.0.1:8080/a", "http://localhost/", "http://[::1]/"]
)
def test_addresses_that_are_fine(url: str) -> None:
    assert target(url).url == url


def test_plain_http_must_be_asked_for() -> None:
    assert target("http://desk.example/", plain_http=True).host == "desk.example"


def test_hosts_must_be_on_the_list() -> None:
    with pytest.raises(ValidationError, match=r"hosts not on allow_hosts: desk\.example \(target desk\)"):
        settings(target(), allow_hosts=["other.example"])
    assert settings(target(), allow_hosts=["DESK.example"]).allowed_hosts == {"desk.example"}
    assert settings(target("https://Desk.Example/x")).allowed_hosts == {"desk.example"}


def test_the_sender_checks_the_host_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESK_SECRET", SECRET)
    with pytest.raises(InvalidInputError, match=r"target desk: host desk\.example is not on allow_hosts"):
        Endpoint(target(), frozenset({"other.example"}))


def test_names_are_distinct_formats_known_momentaries_never_ticketed() -> None:
    with pytest.raises(ValidationError, match="more than one target is named desk"):
        settings(target(), target())
    with pytest.raises(ValidationError, match=r"unknown ticket format 'xml'; there are: .*standard"):
        target(format="xml")
    with pytest.raises(ValidationError, match="never ticketed"):
        settings(kinds=["momentary"])
    with pytest.raises(ValidationError, match="planned outages have their work order already"):
        settings(kinds=["outage", "planned_outage"])


@pytest.mark.parametrize(
    "text",
    [
        "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "whsec_",
        "whsec_c2hvcnQ=",
        "whsec_!!!!!!!!not-base64-but-long-enough-to-be!!!!!!!!",
        "whsec_" + "QUJD" * 40,
    ],
)
def test_a_bad_secret_is_refused_by_name_and_never_shown(text: str, tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(text)
    with pytest.raises(InvalidInputError) as caught:
        Endpoint(target(secret={"file": file}), frozenset({"desk.example"}))
    assert caught.value.faults == (
        "target desk: secret: must be whsec_ followed by base64 of 24 to 64 bytes",
    )
    assert text not in repr(caught.value.__cause__) + repr(caught.value.__context__)


def test_every_fault_of_every_target_is_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DESK_SECRET", raising=False)
    empty = tmp_path / "ca.pem"
    empty.write_text("")
    monkeypatch.setenv("OTHER_SECRET", "nonsense")
    chosen = settings(
        target(ca_file=empty),
        target(name="other", secret={"env": "OTHER_SECRET"}, ca_file=tmp_path / "none.pem"),
    )
    with pytest.raises(InvalidInputError) as caught:
        endpoints(chosen.targets, chosen.allowed_hosts)
    assert [fault.partition(": ")[2].split(":")[0].split(" ")[0] for fault in caught.value.faults] == [
        "secret",
        "ca_file",
        "secret",
        "ca_file",
    ]
    assert "environment variable DESK_SECRET is not set" in str(caught.value)
    assert "No such file" in str(caught.value)


def test_a_new_secret_is_a_good_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESK_SECRET", new_secret())
    assert Endpoint(target(), frozenset({"desk.example"})).name == "desk"


# Severity and clocks


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"severity_1": {"level": "street"}}, "'street' is not one of substation, feeder, "),
        ({"severity_2": {"minutes": 0}}, "greater than 0"),
        ({"severity_2": {"public_welfare": True}}, "true does not belong here"),
        ({"sla": {"arrival": {"urban": [45, 45, 45]}}}, "rural"),
        ({"sla": {"arrival": {"urban": [45, 45], "rural": [1, 1, 1], "remote": [1, 1, 1]}}}, "urban"),
        ({"sla": {"area": "city"}}, "'urban', 'rural' or 'remote'"),
        ({"sla": {"warn_at": 1.5}}, "less than or equal to 1"),
        ({"storm": {"tickets": 1}}, "greater than or equal to 2"),
    ],
)
def test_rules_that_are_refused(changes: dict[str, object], fault: str) -> None:
    with pytest.raises(ValidationError, match=fault):
        settings(**changes)


def test_limits_by_clock_severity_and_area() -> None:
    sla = settings().sla
    found = [
        [sla.limit(clock, severity=severity, area=area) for severity in (1, 2, 3)]
        for clock in ("response", "arrival", "arrival_limit", "restoration")
        for area in AREAS
    ]
    assert found == [
        *[[60, 60, 120]] * 3,
        *([45] * 3, [90] * 3, [120] * 3),
        *([60] * 3, [120] * 3, [240] * 3),
        *[[480, 240, 120]] * 3,
    ]
    assert sla.limit("arrival", severity=1, area="") == 45
    rural = settings(sla={"area": "rural"}).sla
    assert rural.limit("arrival", severity=1, area="moon") == 90


def test_areas_are_those_of_the_settings() -> None:
    assert tuple(Limits.model_fields) == AREAS


# When to try again


def tried(attempts: int) -> Delivery:
    return Delivery(
        id="m",
        subject="t",
        ticket="t",
        revision=1,
        target="desk",
        created_at=AT,
        body=b"{}",
        attempts=attempts,
    )


def test_the_ladder() -> None:
    plain = RetrySettings()
    waits = [next_try_at(tried(n), plain, now=AT) for n in range(10)]
    assert waits == [AT + s * SECOND for s in (1, 2, 5, 10, 30, 60, 120, 300, 300, 300)]


@given(attempts=st.integers(0, 50), chance=st.floats(0, 1, exclude_max=True), jitter=st.floats(0, 1))
def test_jitter_only_shortens_and_by_no_more_than_its_part(
    attempts: int, chance: float, jitter: float
) -> None:
    chosen = RetrySettings(jitter=jitter)
    full = next_try_at(tried(attempts), chosen, now=AT)
    some = next_try_at(tried(attempts), chosen, now=AT, chance=chance)
    assert full is not None
    assert some is not None
    assert (1 - jitter) * (full - AT) - 1 <= some - AT <= full - AT


def test_the_receivers_wish_is_kept_up_to_a_bound() -> None:
    chosen = RetrySettings(retry_after_max_s=600)
    assert next_try_at(tried(0), chosen, now=AT, retry_after=90 * SECOND) == AT + 90 * SECOND
    assert next_try_at(tried(0), chosen, now=AT, retry_after=0) == AT + SECOND
    assert next_try_at(tried(0), chosen, now=AT, retry_after=10**15) == AT + 600 * SECOND


def test_it_is_given_up_after_days() -> None:
    chosen = AlertSettings().retry
    assert next_try_at(tried(900), chosen, now=AT + 3 * DAY - 300 * SECOND) == AT + 3 * DAY
    assert next_try_at(tried(900), chosen, now=AT + 3 * DAY - 299 * SECOND) is None
