select l.pid, coalesce(a.application_name, '')
  from pg_locks l
  left join pg_stat_activity a using (pid)
 where l.locktype = 'advisory' and l.objsubid = 1 and l.granted
   and l.database = (select oid from pg_database where datname = current_database())
   and (l.classid::bigint << 32 | l.objid::bigint) = hashtext('feederline.writer')
