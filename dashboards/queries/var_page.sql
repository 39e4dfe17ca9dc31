-- Where the operations page is, without a slash at its end.
select rtrim(coalesce(feederline.setting_text('page_url'), ''), '/')
