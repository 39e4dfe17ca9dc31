-- 1 where the gateway last said that it is not ready: the database, the broker or a driver is not as it should be.
select coalesce(feederline.setting_text('page_url'), '') as "page",
       coalesce((select case when m.ready then 0 else 1 end
                   from feederline.gateway_minute m
                  order by m.at desc limit 1), 0)::double precision as "value"
