"""What devices, meters and the gateway itself say in the district of story.py."""

from __future__ import annotations

from typing import LiteralString

TERMINAL = "TTU1"
"""At T1, for nobody; it measures what T1 supplies."""

STATEMENTS: tuple[LiteralString, ...] = (
    """update feederline.node set attributes = '{"rated_kva": "100"}' where node_id = 'T1'""",
    """
insert into feederline.device
       (device_id, node_key, kind, protocol, phases, customers, interval_s, nominal_v, transformer_key, feeder_key)
values ('TTU1', 3, 'terminal', 'modbus', 'ABC', 0, 60, 230, 3, 2)
""",
    """
insert into feederline.reading
       (device_key, measured_at, received_at, quality, voltage_a, voltage_b, voltage_c, current_a, current_b, current_c,
        active_power, reactive_power, power_factor, frequency, energy_import, temperature)
select 21, t, t, 0, 231, 232, 236, 100, 110, 90, 60000, 8000, 0.99, 50.02, 5000, 45
  from generate_series(%(now)s::timestamptz - interval '6 hours', %(now)s::timestamptz - interval '1 minute',
                       interval '5 minutes') t
""",
    """
update feederline.reading
   set current_a = 2, current_b = 3, current_c = 1, power_factor = 0.97, frequency = 49.98, temperature = 31,
       energy_import = 1000 + extract(hour from measured_at), quality = 8
 where device_key = 1
""",
    """
insert into feederline.signal (kind, device_key, occurred_at, received_at, source)
select 'last_gasp', 1, %(now)s::timestamptz - interval '3 hours', %(now)s::timestamptz - interval '2 hours', 'mqtt'
union all
select kind, null, %(now)s::timestamptz - age, %(now)s::timestamptz - interval '5 hours', ''
  from (values ('gateway_down', interval '5 hours 10 minutes'), ('gateway_up', interval '5 hours')) as g (kind, age)
""",
    """
insert into feederline.meter_event (device_key, kind, phase, started_at, severe, extreme, bound, source)
values (1, 'phase_break', 'C', %(now)s::timestamptz - interval '2 hours', true, 0, 138, 'readings')
""",
    """
insert into feederline.meter_change (device_key, at, of, before, after, made_by, reason, recorded_at)
values (1, %(yesterday)s, 'exchange', 990, null, 'anna', 'display dead', %(today)s)
""",
    """
insert into feederline.interval_edit (device_key, quantity, starts_at, ends_at, value, made_at, made_by, reason)
values (1, 27, %(today)s, %(today)s::timestamptz + interval '15 minutes', 1, %(now)s::timestamptz - interval '1 hour',
        'anna', 'read on site')
""",
    """
update feederline.quality_day
   set means = 144, means_in = 100, means_wide = 140, mean_low = 0.84, mean_high = 1.01, frequency_min = 1000,
       frequency_02_min = 0, frequency_05_min = 0, frequency_1pc_min = 0, frequency_low = 49.95, frequency_high = 50.05,
       unbalance_min = 1000, unbalance_13_min = 300, unbalance_2_min = 200, unbalance_26_min = 150,
       unbalance_4_min = 100, unbalance_high = 4.5, power_factor_min = 1000, power_factor_low_min = 250,
       power_factor = 0.8,
       power_factor_limit = 0.85, sags = 2, swells = 1
 where device_key <= 10
""",
    """
insert into feederline.transformer_day
       (device_key, starts_at, ends_at, peak_at, rated_kva, observed_min, mean_kva, peak_kva, heavy_min, overload_min,
        overload_longest_min, reverse_min, reverse_kw, temperature_high, hot_min)
select 21, t, t + interval '1 day', t + interval '19 hours', 100, 1440, 60, 105, 120, 30, 20, 0, 0, 72, 0
  from unnest(array[%(today)s, %(yesterday)s]::timestamptz[]) t
""",
    """
insert into feederline.area_finding (day, kind, transformer_key, words, made_at)
values (%(today)s::date, 'area_loss', 3, 'A fifth is lost.', %(now)s)
""",
    """
insert into feederline.usage_day (day, device_key, score, log_odds, kinds, opens, kwh, expected_kwh, reasons, made_at)
values (%(yesterday)s::date, 1, 0.7, 0.8, 1, false, 3, 9,
        '[{"rule": "sudden_drop", "weight": 0.8, "words": "It fell.", "figures": {}}]', %(today)s)
""",
    # both over: what is open now is what story.py tells
    """
insert into feederline.incident
       (incident_id, kind, node_id, phases, state, started_at, detected_at, ended_at, customers, confidence, direct,
        summary, evidence, revision)
select 'inc-' || kind, kind, 'T1', 'ABC', 'closed', %(now)s::timestamptz - interval '3 hours',
       %(now)s::timestamptz - interval '3 hours', %(now)s::timestamptz - interval '1 hour', 0, 0.9, false, words,
       evidence::jsonb, 1
  from (values ('power_quality', 'low voltage at 5 of 10 points', '{"condition": "low_voltage"}'),
               ('usage_anomaly', 'It fell.', '{}')) as i (kind, words, evidence)
""",
    "select feederline.ensure_interval_partitions(array[%(now)s]::date[])",
    """
insert into feederline.interval (device_key, quantity, status, starts_at, ends_at, made_at, rules, raw, value)
values (1, 27, 1, %(today)s, %(today)s::timestamptz + interval '15 minutes', %(now)s, 1 << 23, null, 0.4)
""",
    "update feederline.interval set rules = 1 << 23 where device_key = 1 and starts_at = %(yesterday)s",
    """
insert into feederline.gap (device_key, quantity, starts_at, ends_at, cause, found_at, asks, filled_at, intervals,
                            filled)
values (1, 28, %(today)s, %(today)s::timestamptz + interval '1 hour', 'device', %(now)s, 2, %(now)s, 4, 4)
""",
    """
insert into feederline.area_loss_day
       (transformer_key, day, starts_at, ends_at, hours, members, supplied, sold, intervals, used, without_supply,
        without_member, moments, technical, excess, level, ratio, found, made_at)
values (3, %(today)s::date, %(today)s, %(today)s::timestamptz + interval '1 day', 0.25, 10, 100, 80, 96, 90, 0, 6,
        array[0, 0, 0, 0, 0, 0, 0, 0], 5, 15, 15, 0.2, '{high}', %(now)s)
""",
    """
insert into feederline.device
       (device_id, node_key, kind, protocol, phases, customers, interval_s, nominal_v, transformer_key, feeder_key)
values ('X1', 4, 'sensor', 'mqtt', 'ABC', 0, 60, 230, 4, 2)
""",
    """
insert into feederline.gateway_minute
select t, t - interval '2 seconds', 3, 4096, 420, 400, 1, 2, 0, true, 0
  from generate_series(date_trunc('minute', %(now)s::timestamptz) - interval '3 hours',
                       date_trunc('minute', %(now)s::timestamptz), interval '1 minute') t
""",
    """
insert into feederline.voltage_hour
select date_trunc('hour', %(now)s::timestamptz, 'UTC') - interval '3 hours', 200, 60
""",
    """
insert into feederline.dead_letter (received_at, source, topic, payload, reason)
values (%(now)s::timestamptz - interval '1 hour', 'mqtt:field', 'meters/M1', 'secret', 'not JSON: secret')
""",
    """
insert into feederline.rejected_value (device_key, measured_at, quantity, raw, reason)
values (1, %(now)s::timestamptz - interval '1 hour', 'voltage_c', 'ffff', 'no_value')
""",
    """
insert into feederline.setting (name, value)
values ('book_closed', (extract(epoch from %(today)s::timestamptz) * 1e6)::bigint::text),
       ('book_closed_again', (extract(epoch from %(yesterday)s::timestamptz) * 1e6)::bigint::text)
""",
    """
insert into feederline.setting (name, value, number)
values ('max_clock_error_s', '300', 300), ('nominal_hz', '50', 50), ('frequency_band_hz', '0.2', 0.2),
       ('unbalance_limit_percent', '2', 2), ('temperature_limit_c', '85', 85), ('high_loss_ratio', '0.12', 0.12),
       ('overload_ratio', '1', 1)
on conflict do nothing
""",
)
