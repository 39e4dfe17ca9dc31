-- Collection rate by local day against its target.
select day as "time", rate as "Collected", target as "Target"
  from feederline.collection_rate($__timeFrom(), $__timeTo(), 'all', true)
 order by day
