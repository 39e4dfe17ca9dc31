-- For those who may not see what came: that something could not be understood, and how far the meter data are reckoned.

create view dead_letter_told as
select received_at, source, split_part(reason, ':', 1) as reason from dead_letter;
comment on view dead_letter_told is 'Dead letters without what was in them; the reason without what it quotes.';

create view rejected_value_told as
select device_key, measured_at, quantity, reason from rejected_value;
comment on view rejected_value_told is 'Values that are no values, without what came.';

create view meter_data_told as
select nullif(done_until, '-infinity') as done_until, nullif(final_before, '-infinity') as final_before from meter_data_progress;
comment on view meter_data_told is 'Until when intervals are reckoned, and until when they are final; one row.';
