-- What persons said of the energy of stretches that begin in the window.
select made_by, count(*) as edits, count(distinct device_key) as devices
  from interval_edit
 where starts_at >= %(frm)s and starts_at < %(to)s
 group by made_by
 order by edits desc, made_by
