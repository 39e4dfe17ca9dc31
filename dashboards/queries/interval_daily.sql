-- Intervals of each local day by how they stand, as shares of those expected. Edited ones are apart, measured or not.
select day as "time",
       (expected - estimated - missing - edited)::double precision / nullif(expected, 0) as "Measured",
       estimated::double precision / nullif(expected, 0) as "Estimated",
       edited::double precision / nullif(expected, 0) as "Edited",
       missing::double precision / nullif(expected, 0) as "Missing"
  from feederline.collection_rate($__timeFrom(), $__timeTo(), 'all', true)
 order by day
