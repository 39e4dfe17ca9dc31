-- Thresholds for the panels, from the gateway's configuration; base is where the scale starts.
select 0 as base,
       feederline.setting_number('asai_target') as asai_target,
       feederline.setting_number('saidi_target_minutes') as saidi_target_minutes,
       feederline.setting_number('collection_target') as collection_target
