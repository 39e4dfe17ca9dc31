-- Thresholds for the panels, from the gateway's configuration; base is where the scale starts.
-- A window without a target of its own is held to that of the month.
select 0 as base,
       feederline.setting_number('asai_target') as asai_target,
       coalesce(feederline.setting_number('target_rolling_year_asai'), feederline.setting_number('asai_target')) as asai_target_year,
       feederline.setting_number('saidi_target_minutes') as saidi_target_minutes,
       feederline.setting_number('collection_target') as collection_target
