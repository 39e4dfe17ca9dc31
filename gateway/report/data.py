"""Tables of what was measured and how far it may be believed: collection, voltage, load, corrections, doubts."""

from __future__ import annotations

from gateway.report.gather import Report
from gateway.report.tables import Column, Table
from gateway.report.words import Words


def data_tables(report: Report, words: Words) -> list[Table]:
    return [
        collection(report, words),
        voltage(report, words),
        loads(report, words),
        corrections(report, words),
        edits(report, words),
        absences(report, words),
        clock_faults(report, words),
        protocols(report, words),
    ]


def collection(report: Report, words: Words) -> Table:
    groups = (
        ("all", report.collection),
        ("area", report.collection_areas),
        ("feeder", report.collection_feeders),
    )
    return Table(
        "collection",
        words("Collection of meter data"),
        [
            Column("place", words("By"), "text"),
            Column("key", words("Place"), "term"),
            Column("devices", words("Devices")),
            Column("expected", words("Expected")),
            Column("collected", words("Collected")),
            Column("estimated", words("Estimated")),
            Column("missing", words("Missing")),
            Column("edited", words("Edited")),
            Column("lacking_supply", words("No supply")),
            Column("lacking_device", words("Device")),
            Column("lacking_communications", words("Communications")),
            Column("lacking_gateway", words("Gateway")),
            Column("rate", words("Rate"), "good", 3),
            Column("target", words("Target"), "good", 3),
            Column("met", words("Met"), "flag"),
        ],
        [
            (
                place,
                r.key,
                r.devices,
                r.expected,
                r.collected,
                r.estimated,
                r.missing,
                r.edited,
                r.supply,
                r.device,
                r.communications,
                r.gateway,
                r.rate,
                r.target,
                r.met,
            )
            for place, rates in groups
            for r in rates
        ],
        empty=words("No meter data was accounted for."),
    )


def voltage(report: Report, words: Words) -> Table:
    groups = (
        ("all", report.voltage),
        ("feeder", report.voltage_feeders),
        ("device", report.voltage_devices),
    )
    return Table(
        "voltage",
        words("Voltage compliance (GB/T 12325)"),
        [
            Column("place", words("By"), "text"),
            Column("key", words("Place"), "text"),
            Column("points", words("Points")),
            Column("observed_minutes", words("Observed, min"), "plain", 0),
            Column("out_minutes", words("Out, min"), "minutes", 0),
            Column("low_minutes", words("Low, min"), "minutes", 0),
            Column("high_minutes", words("High, min"), "minutes", 0),
            Column("lost_minutes", words("Phase lost, min"), "minutes", 0),
            Column("compliance_percent", words("Compliance, %"), "left", 3),
        ],
        [
            (
                place,
                c.key,
                c.points,
                c.observed_minutes,
                c.out_minutes,
                c.low_minutes,
                c.high_minutes,
                c.lost_minutes,
                c.percent,
            )
            for place, groups_ in groups
            for c in groups_
        ],
        empty=words("No voltage was accounted for."),
    )


def loads(report: Report, words: Words) -> Table:
    return Table(
        "transformer_loads",
        words("Transformers under heavy load"),
        [
            Column("node", words("Transformer"), "text"),
            Column("name", words("Name"), "text"),
            Column("rated_kva", words("Rated, kVA"), "plain", 0),
            Column("peak_kva", words("Peak, kVA"), "plain", 1),
            Column("peak_percent", words("Peak, % of rating"), "rate", 1),
            Column("heavy_minutes", words("Heavy, min"), "minutes", 0),
            Column("overload_minutes", words("Overload, min"), "minutes", 0),
            Column("hot_minutes", words("Hot, min"), "minutes", 0),
        ],
        [
            (
                t.node_id or t.device_id,
                t.name or "",
                t.rated_kva,
                t.peak_kva,
                t.peak_percent,
                t.heavy_min,
                t.overload_min,
                t.hot_min,
            )
            for t in report.loads
        ],
        empty=words("None."),
    )


def corrections(report: Report, words: Words) -> Table:
    return Table(
        "corrections",
        words("Corrections of this account"),
        [
            Column("number", words("No."), "plain", 0),
            Column("made_at", words("Made"), "time"),
            Column("made_by", words("By"), "text"),
            Column("incident", words("Incident"), "text"),
            Column("device", words("Metering point"), "text"),
            Column("started_at", words("Start set to"), "time"),
            Column("ended_at", words("End set to"), "time"),
            Column("voided", words("Declared none"), "flag"),
            Column("kind", words("Kind set to"), "term"),
            Column("cause", words("Cause"), "text"),
            Column("as_detected", words("Taken back"), "flag"),
            Column("reason", words("Reason"), "text"),
            Column("changed", words("Interruptions changed")),
        ],
        [
            (
                c.number,
                c.made_at,
                c.made_by,
                c.incident,
                c.device,
                c.started_at,
                c.ended_at,
                c.voided,
                c.kind,
                c.cause,
                c.as_detected,
                c.reason,
                c.changed,
            )
            for c in report.corrections
        ],
        empty=words("Nobody corrected an interruption."),
    )


def edits(report: Report, words: Words) -> Table:
    return Table(
        "edits",
        words("Energy set by persons"),
        [
            Column("made_by", words("By"), "text"),
            Column("edits", words("Edits")),
            Column("devices", words("Devices")),
        ],
        [(e.made_by, e.edits, e.devices) for e in report.edits],
        empty=words("Nobody set energy by hand."),
    )


def absences(report: Report, words: Words) -> Table:
    return Table(
        "absences",
        words("When the gateway itself was away"),
        [
            Column("started_at", words("From"), "time"),
            Column("ended_at", words("To"), "time"),
            Column("length_s", words("Length"), "length"),
        ],
        [(a.started_at, a.ended_at, a.ended_at - a.started_at) for a in report.absences],
        empty=words("The gateway was never away."),
    )


def clock_faults(report: Report, words: Words) -> Table:
    return Table(
        "clock_faults",
        words("Devices with wrong clocks"),
        [
            Column("device", words("Device"), "text"),
            Column("signals", words("Signals")),
            Column("readings", words("Readings")),
            Column("last_at", words("Last"), "time"),
            Column("error_s", words("Ahead, s"), "plain", 0),
        ],
        [(f.device, f.signals, f.readings, f.last_at, f.error_s) for f in report.clock_faults],
        empty=words("No clock was found wrong."),
    )


def protocols(report: Report, words: Words) -> Table:
    return Table(
        "protocols",
        words("How metering points are heard"),
        [
            Column("protocol", words("They"), "term"),
            Column("points", words("Metering points")),
            Column("customers", words("Customers")),
        ],
        [(p.protocol, p.points, p.customers) for p in report.protocols],
    )
