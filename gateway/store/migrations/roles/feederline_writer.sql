-- The gateway itself: writes what it hears and concludes; never rewrites the history of a ticket, what was
-- announced, or what people told it.

grant usage on schema feederline to feederline_writer;
grant select on all tables in schema feederline to feederline_writer;
grant insert, update on reading, node, device, setting, stream_position, incident, interruption to feederline_writer;
grant insert, delete on signal, rejected_value, dead_letter, incident_device to feederline_writer;
grant insert, update on ticket, delivery, ticket_reference, storm, webhook_target to feederline_writer;
grant insert, update, delete on callback to feederline_writer;
grant insert on ticket_transition, ticket_link, planned_outage, instruction, drill to feederline_writer;
grant insert, update on access_token, access_session to feederline_writer;
grant delete on access_session to feederline_writer;
grant insert on audit to feederline_writer;
grant insert (device_key, quantity, status, starts_at, ends_at, made_at, rules, raw, value) on interval to feederline_writer;
grant update (status, made_at, rules, raw, value, machine_status, machine_value, machine_rules)
    on interval to feederline_writer;
grant insert on interval_too_late, meter_change, meter_change_withdrawal to feederline_writer;
grant insert, update on collection_day, gap, meter_data_progress to feederline_writer;
grant insert, delete on late_mark to feederline_writer;
grant insert, update, delete on meter_event, quality_day, transformer_day to feederline_writer;
grant insert, update on area_loss_day, usage_baseline, load_outlook to feederline_writer;
grant insert, delete on area_finding, usage_day to feederline_writer;
grant delete on load_outlook to feederline_writer;
grant insert, update, delete on gateway_minute, gateway_hour to feederline_writer;
grant insert on suspicion to feederline_writer;
grant usage on all sequences in schema feederline to feederline_writer;
grant execute on all functions in schema feederline to feederline_writer;

do $$ begin
    execute format('grant temporary on database %I to feederline_writer', current_database());
end $$;
