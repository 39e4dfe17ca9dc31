"""Payload mappings: from the bytes of a message to readings and signals. Importing this registers all of them."""

from drivers.mqtt.payloads import answer as _answer
from drivers.mqtt.payloads import feederline as _feederline
from drivers.mqtt.payloads.harvest import Harvest
from drivers.mqtt.payloads.mapping import MAPPINGS, Arrival, Decoder, Mapping

_REGISTERED = (_answer, _feederline)

__all__ = ["MAPPINGS", "Arrival", "Decoder", "Harvest", "Mapping"]
