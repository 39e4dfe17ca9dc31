select array(select unnest(string_to_array(nullif(value, ''), ','))::bigint order by 1) from setting where name = %(step)s
