-- Who may ask what of the gateway, who is signed in, and what was done or refused.

create table access_token (
    token_id     text primary key,
    name         text not null check (name <> ''),
    secret_hash  bytea not null check (octet_length(secret_hash) = 32),
    role         text not null check (role in ('viewer', 'operator', 'engineer', 'admin')),
    below        text[] not null default '{}',
    created_at   timestamptz not null,
    created_by   text not null check (created_by <> ''),
    expires_at   timestamptz not null check (expires_at > created_at and expires_at <= created_at + interval '400 days'),
    revoked_at   timestamptz,
    revoked_by   text not null default '',
    last_used_at timestamptz,
    check ((revoked_at is null) = (revoked_by = ''))
);
comment on table access_token is 'Bearer tokens. A row is never deleted: the audit log names it.';
comment on column access_token.secret_hash is 'SHA-256 of the secret, which is 256 random bits and is shown once.';
comment on column access_token.below is 'Only what lies at or below these nodes; empty for the whole network.';
comment on column access_token.last_used_at is 'Coarse: it may be ten minutes behind.';

create table access_session (
    session_hash bytea primary key check (octet_length(session_hash) = 32),
    token_id     text not null references access_token (token_id),
    created_at   timestamptz not null,
    seen_at      timestamptz not null,
    expires_at   timestamptz not null check (expires_at > created_at)
);
create index access_session_expiry on access_session (expires_at);
create index access_session_token on access_session (token_id);
comment on table access_session is 'Who is signed in on the page. What has expired is deleted.';
comment on column access_session.session_hash is 'SHA-256 of the value of the cookie.';

create table audit (
    audit_id bigint generated always as identity primary key,
    at       timestamptz not null,
    actor    text not null,
    role     text not null default '',
    origin   text not null default '',
    address  text not null default '',
    token_id text not null default '',
    action   text not null check (action <> ''),
    object   text not null default '',
    outcome  text not null check (outcome in ('done', 'denied', 'refused', 'failed')),
    detail   jsonb not null default '{}'
);
create index audit_time on audit (at desc, audit_id desc);
create index audit_object on audit (object, at desc) where object <> '';
comment on table audit is 'Every write, and every attempt that was denied. Append-only, and nothing prunes it.';
comment on column audit.outcome is 'done; denied: they may not; refused: it cannot be; failed: the gateway could not.';
comment on column audit.detail is 'Of denied attempts that came in numbers: count, and since when.';

create trigger append_only before update or delete or truncate on audit
    for each statement execute function refuse_rewriting();
