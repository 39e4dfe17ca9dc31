-- What the targets allow in each window, what is left of it, how fast it goes, and where the window will end.
select span as "Window",
       upper(index) as "Target of",
       window_from as "From",
       window_to as "To",
       case index when 'asai' then format('%s %%', round((100 * target)::numeric, 4)::real)
                  else format('%s min', target) end as "Target",
       state as "State",
       left_minutes / nullif(budget_minutes, 0) as "Left share",
       budget_minutes as "Allowed",
       spent_minutes as "Spent",
       left_minutes as "Left",
       burn_rate as "Burn rate",
       case index when 'asai' then format('%s %%', trunc((100 * forecast)::numeric, 4)::real)
                  else format('%s min', round(forecast::numeric, 2)) end as "Forecast"
  from feederline.target_state()
