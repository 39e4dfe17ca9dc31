"""Topic templates: what they subscribe to, whom they name, what is refused."""

from __future__ import annotations

import pytest

from drivers.mqtt.topics import TopicTemplate


@pytest.mark.parametrize(
    ("text", "topic_filter", "topic", "device"),
    [
        (
            "feederline/v1/{device}/telemetry",
            "feederline/v1/+/telemetry",
            "feederline/v1/M17/telemetry",
            "M17",
        ),
        ("{device}", "+", "M17", "M17"),
        ("a/{device}/#", "a/+/#", "a/M1/b/c", "M1"),
        ("a/{device}/#", "a/+/#", "a/M1", "M1"),
        ("+/{device}/x", "+/+/x", "/M1/x", "M1"),
        ("a.b/{device}", "a.b/+", "a.b/M(1)", "M(1)"),
        ("$share/gw/a/{device}", "$share/gw/a/+", "a/M1", "M1"),
        ("a/{device}/b\nc", "a/+/b\nc", "a/x\ny/b\nc", "x\ny"),
    ],
)
def test_names_the_device(text: str, topic_filter: str, topic: str, device: str) -> None:
    template = TopicTemplate.parse(text)
    assert (template.filter, template.device(topic)) == (topic_filter, device)


@pytest.mark.parametrize(
    ("text", "topic"),
    [
        ("a/{device}/b", "a/M1/c"),
        ("a/{device}/b", "a/M1/x/b"),
        ("a/{device}/b", "a//b"),
        ("a.b/{device}", "axb/M1"),
        ("a/{device}/+", "a/M1"),
        ("$share/gw/a/{device}", "$share/gw/a/M1"),
        ("a/{device}", "A/M1"),
    ],
)
def test_other_topics_are_not_its_own(text: str, topic: str) -> None:
    assert TopicTemplate.parse(text).device(topic) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a/b",
        "{device}/{device}",
        "a/x{device}",
        "a/{device}/x+",
        "a/#/{device}",
        "a/{device}/#/b",
        "a/{devices}",
        "$share/{device}",
        "$share//a/{device}",
        "$share/a+/{device}",
        "a/{device}/\x00",
        "a/{device}/" + "x" * 70_000,
    ],
)
def test_refuses(text: str) -> None:
    with pytest.raises(ValueError, match="topic"):
        TopicTemplate.parse(text)
