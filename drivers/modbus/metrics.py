"""What the Modbus driver counts about itself."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

polls = Counter(
    "feederline_modbus_polls_total",
    "Polls by outcome: complete, partial, no_answer, target_failed, refused, connection_lost",
    ["outcome"],
)
questions = Counter(
    "feederline_modbus_questions_total",
    "Devices asked out of turn by outcome: answered, target_failed, unanswered (PING_FAILED), refused, "
    "unheard (nothing said: the path was silent or gone)",
    ["outcome"],
)
recalls = Counter(
    "feederline_modbus_recalls_total",
    "Load profiles read by outcome: answered, unanswered, target_failed, refused, cut_short (too long), "
    "unheard (the connection was lost)",
    ["outcome"],
)
recalled = Counter("feederline_modbus_recalled_rows_total", "Readings that came of recalls")
impossible = Counter(
    "feederline_modbus_impossible_records_total",
    "Records of load profiles left out for a time that cannot be",
)
skipped = Counter(
    "feederline_modbus_skipped_ticks_total", "Ticks of devices that came while it was still busy"
)
strays = Counter(
    "feederline_modbus_stray_replies_total",
    "Replies that fit no request and were dropped: late, wrong_unit, malformed",
    ["reason"],
)
holes = Counter(
    "feederline_modbus_holes_total", "Address ranges that a device refused and that are read apart"
)
connections = Gauge("feederline_modbus_connections", "Connections to endpoints that stand now")
connects = Counter(
    "feederline_modbus_connects_total", "Attempts to connect by outcome: made, failed", ["outcome"]
)
rows = Counter("feederline_modbus_rows_total", "Rows of readings handed on")
sink_retries = Counter(
    "feederline_modbus_sink_retries_total", "Times that what was read could not be handed on and was kept"
)
