-- Districts to choose from.
select distinct p.district as __text, p.district as __value
  from feederline.node_place p
  join feederline.node n on n.node_key = p.node_key
 where n.listed and p.district <> ''
 order by 1
