-- Per cent of the budget spent, of each target whose budget is gone; 0 where it is not.
select replace(s.span, '_', ' ') as "window",
       upper(s.index) as "target",
       coalesce(feederline.setting_text('page_url'), '') as "page",
       case s.state when 'missed' then coalesce(100 * s.spent_share, 1e6) else 0 end::double precision as "value"
  from feederline.target_state() s
