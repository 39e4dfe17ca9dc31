-- Seconds by which what is stored lags behind the field, as the gateway last said.
select coalesce(feederline.setting_text('page_url'), '') as "page",
       coalesce((select extract(epoch from m.at - m.stream_at)
                   from feederline.gateway_minute m
                  order by m.at desc limit 1), 0)::double precision as "value"
