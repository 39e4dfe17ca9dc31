insert into incident_device (incident_id, device_key)
select %(incident)s::text, unnest(%(devices)s::integer[])
on conflict do nothing
