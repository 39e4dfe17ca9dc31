-- Seconds since a gateway last said that it works; very many where none ever did. What a clock far ahead wrote is no word of now.
select coalesce(feederline.setting_text('page_url'), '') as "page",
       coalesce(extract(epoch from now() - max(m.at)), 1e9)::double precision as "value"
  from feederline.gateway_minute m
 where m.at < now() + interval '10 minutes'
