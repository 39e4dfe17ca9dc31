-- Keys for names not seen before; the row count is how many there are.
with known as (
    update device_staging s set device_key = d.device_key from device d where d.device_id = s.device_id
    returning s.device_id
)
update device_staging s
   set device_key = nextval(pg_get_serial_sequence('feederline.device', 'device_key')), is_new = true
 where not exists (select from device d where d.device_id = s.device_id)
