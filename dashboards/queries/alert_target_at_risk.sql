-- Per cent of the budget that will be spent at this rate, of each target that will then be missed; 0 where it will be met,
-- and where it is missed already, which is another alert.
select replace(s.span, '_', ' ') as "window",
       upper(s.index) as "target",
       coalesce(feederline.setting_text('page_url'), '') as "page",
       case s.state when 'at_risk' then coalesce(100 * s.forecast_minutes / nullif(s.budget_minutes, 0), 1e6)
                    else 0 end::double precision as "value"
  from feederline.target_state() s
