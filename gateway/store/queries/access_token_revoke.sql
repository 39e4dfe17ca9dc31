update access_token
   set revoked_at = coalesce(revoked_at, %(at)s),
       revoked_by = case when revoked_at is null then %(by)s else revoked_by end
 where token_id = %(token_id)s
returning *
