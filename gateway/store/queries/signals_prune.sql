-- The gateway's own absences stay: the account of past years rests on them.
with old_signal as (
         delete from signal
          where received_at < %(before)s
            and (device_key is not null or kind not in ('gateway_down', 'gateway_up'))
     ),
     old_letter as (delete from dead_letter where received_at < %(before)s)
delete from rejected_value where measured_at < %(before)s
