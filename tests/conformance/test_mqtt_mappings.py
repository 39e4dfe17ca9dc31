"""What every payload mapping promises, whatever its payloads look like."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.mqtt.payloads import MAPPINGS, Arrival, Harvest
from drivers.mqtt.topics import TopicTemplate
from gateway.core import codec

NOW = 1_772_352_000_000_000


@pytest.mark.parametrize("name", MAPPINGS.names())
def test_usual_templates_are_templates_with_a_decoder(name: str) -> None:
    mapping = MAPPINGS.get(name)
    assert mapping.templates
    for text in mapping.templates:
        topic = text.replace("{device}", "M17")
        assert TopicTemplate.parse(text).device(topic) == "M17"
        assert mapping.decoder(topic) is not None


@pytest.mark.parametrize("name", MAPPINGS.names())
@given(payload=st.binary(max_size=200), retained=st.booleans())
def test_any_bytes_are_survived_and_accounted_for(name: str, payload: bytes, retained: bool) -> None:
    mapping = MAPPINGS.get(name)
    for text in mapping.templates:
        decoder = mapping.decoder(text.replace("{device}", "M17"))
        assert decoder is not None
        out = Harvest("mqtt:t")
        complaint = decoder(payload, Arrival(0, NOW, retained, NOW), out)
        entries = out.entries()
        assert complaint or entries
        for entry in entries:
            codec.decode(codec.encode(entry))
