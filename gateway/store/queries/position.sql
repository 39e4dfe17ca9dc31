select seq from stream_position where spool = %(spool)s
