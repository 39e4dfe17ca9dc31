-- Keys for names not seen before; the row count is how many there are.
with known as (
    update node_staging s set node_key = n.node_key from node n where n.node_id = s.node_id
    returning s.node_id
)
update node_staging s
   set node_key = nextval(pg_get_serial_sequence('feederline.node', 'node_key'))
 where not exists (select from node n where n.node_id = s.node_id)
