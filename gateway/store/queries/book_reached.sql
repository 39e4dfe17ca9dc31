select value::bigint from setting where name = %(step)s
