-- Dashboards: read only, without message bodies, undecoded input, the inner accounts and who has access.

grant usage on schema feederline to feederline_grafana;
grant select on all tables in schema feederline to feederline_grafana;
revoke select on access_token, access_session, audit from feederline_grafana;
revoke select on delivery, callback, dead_letter, rejected_value, migration, stream_position,
    meter_data_progress, late_mark from feederline_grafana;
grant select (delivery_id, subject, ticket_id, revision, target, state, attempts, next_at, status, created_at,
              delivered_at, replayed_at)
    on delivery to feederline_grafana;
