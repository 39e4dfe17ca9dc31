select s.created_at as session_created_at, s.seen_at, s.expires_at as session_expires_at, t.*
  from access_session s join access_token t using (token_id)
 where s.session_hash = %(session_hash)s
