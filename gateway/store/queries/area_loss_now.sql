select a.node_id, a.name, a.feeder_id, a.day, a.members, a.supplied, a.sold, a.technical, a.excess, a.level, a.ratio, a.since,
       a.coverage, a.found, a.finding, a.words
  from area_loss_now a
 where (%(below)s::text[] is null or a.node_id in (select nodes_below(%(below)s::text[])))
 order by a.level desc nulls last, a.node_id
 limit %(limit)s
