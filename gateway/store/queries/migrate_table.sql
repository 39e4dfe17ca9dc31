create schema if not exists feederline;
create table if not exists feederline.migration (
    version    integer primary key,
    name       text not null,
    checksum   text not null,
    timescale  boolean not null,
    applied_at timestamptz not null default now()
)
