"""Figures of the MQTT driver. `broker` is the name in the configuration; nothing here is per device."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

MESSAGES = Counter("feederline_mqtt_messages_total", "Messages taken from the broker", ["broker"])
DEAD_LETTERS = Counter(
    "feederline_mqtt_dead_letters_total", "Messages kept as dead letters, by reason", ["broker", "reason"]
)
CONNECTED = Gauge("feederline_mqtt_connected", "1 while the session is subscribed and proven", ["broker"])
CONNECTS = Counter("feederline_mqtt_connects_total", "Sessions that reached their subscriptions", ["broker"])
FAILURES = Counter(
    "feederline_mqtt_failures_total", "Sessions that ended or could not be made, by kind", ["broker", "kind"]
)
PAUSES = Counter(
    "feederline_mqtt_pauses_total", "Times reading stopped because the sink was behind", ["broker"]
)
QUESTIONS = Counter(
    "feederline_mqtt_questions_total",
    "Devices asked by outcome: answered, unanswered (PING_FAILED), unheard (nothing said: we could not hear), refused",
    ["broker", "outcome"],
)
RECALLS = Counter(
    "feederline_mqtt_recalls_total",
    "Load profiles asked for by outcome: answered, unanswered, unheard (we could not hear), refused",
    ["broker", "outcome"],
)
RECALLED = Counter("feederline_mqtt_recalled_rows_total", "Readings that came of recalls", ["broker"])
