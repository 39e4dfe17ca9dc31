-- How much is going on: outages and lost phases, work orders, late ones, important customers; exercises apart.
select (select count(*) from feederline.incident i
         where i.state = 'open' and i.kind in ('outage', 'phase_loss', 'planned_outage') and i.drill = '') as "Outages",
       (select count(*) from feederline.ticket t
         where t.state not in ('closed', 'merged', 'cancelled') and t.drill = '') as "Tickets",
       (select count(*) from feederline.ticket t
         where t.state not in ('closed', 'merged', 'cancelled') and t.drill = '' and feederline.is_late(t)) as "Late tickets",
       (select count(*) from feederline.without_supply_now w join feederline.device d using (device_key)
         where w.state = 'off' and d.priority <> '') as "Important customers off"
