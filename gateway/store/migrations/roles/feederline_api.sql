-- The API: reads everything, moves tickets on, puts corrections on record.

grant usage on schema feederline to feederline_api;
grant select on all tables in schema feederline to feederline_api;
grant insert, update on ticket, delivery, ticket_reference, webhook_target to feederline_api;
grant insert, update, delete on callback to feederline_api;
grant insert on ticket_transition, ticket_link to feederline_api;
grant execute on function correct_interruption to feederline_api;
grant execute on function edit_interval, mark_from to feederline_api;
grant insert on meter_change, meter_change_withdrawal, late_mark to feederline_api;
grant insert, update on access_token, access_session to feederline_api;
grant delete on access_session to feederline_api;
grant insert on audit to feederline_api;
