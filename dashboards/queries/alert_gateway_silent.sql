-- Seconds since a gateway last said that it works; very many where none ever did.
select coalesce(feederline.setting_text('page_url'), '') as "page",
       coalesce(extract(epoch from now() - max(m.at)), 1e9)::double precision as "value"
  from feederline.gateway_minute m
