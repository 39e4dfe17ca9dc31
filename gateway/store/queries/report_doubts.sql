-- What came too late, could not be understood or was no value, of the window.
select (select count(*) from interval_too_late where starts_at >= %(frm)s and starts_at < %(to)s) as too_late,
       (select count(*) from dead_letter where received_at >= %(frm)s and received_at < %(to)s) as dead_letters,
       (select count(*) from rejected_value where measured_at >= %(frm)s and measured_at < %(to)s) as rejected_values
