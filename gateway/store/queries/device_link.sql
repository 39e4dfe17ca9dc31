update device_staging s
   set node_key = linked.node_key, via_key = linked.via_key,
       transformer_key = linked.transformer_key, feeder_key = linked.feeder_key
  from (select d.local_key, n.node_key, v.device_key as via_key,
               t.node_key as transformer_key, f.node_key as feeder_key
          from device_staging d
          left join node_staging n on n.node_id = d.node_id
          left join device_staging v on v.device_id = d.via_id
          left join node_staging t on t.node_id = d.transformer_id
          left join node_staging f on f.node_id = d.feeder_id
         where d.listed) linked
 where linked.local_key = s.local_key
