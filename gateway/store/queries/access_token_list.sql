select * from access_token order by created_at desc, token_id
