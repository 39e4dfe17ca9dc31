select * from customers_now
