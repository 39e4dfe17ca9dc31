select * from storm where ended_at is null
