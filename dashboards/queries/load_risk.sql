-- Where more load is to be expected than is rated, the most first.
select node_id as "Node",
       name as "Name",
       kind as "Kind",
       starts_at as "From",
       ends_at as "To",
       expected_kw as "Expected",
       high_kw as "Upper quantile",
       limit_kw as "Rated",
       expected_ratio as "Expected share",
       expected as "By what is expected"
  from feederline.load_risk
 order by expected_ratio desc, node_id
 limit 50
