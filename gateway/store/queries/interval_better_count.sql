select count(*) filter (where not edited and not final), count(*) filter (where edited and not final),
       count(*) filter (where final and status >= 2)
  from interval_better
