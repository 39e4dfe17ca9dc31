"""MQTT: meters and terminals that publish. Topics, payloads and will messages are described in docs/mqtt.md."""

from drivers.mqtt.client import check_credentials
from drivers.mqtt.driver import MqttDriver
from drivers.mqtt.settings import MqttSettings, Subscription

__all__ = ["MqttDriver", "MqttSettings", "Subscription", "check_credentials"]
