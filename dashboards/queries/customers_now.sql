-- Customers without supply, and customers of whom nobody knows, at this moment.
select off_now as "Off", unknown_now as "Unknown", supplied as "On", served as "Served"
  from feederline.customers_now
