insert into feederline.migration (version, name, checksum, timescale)
values (%(version)s, %(name)s, %(checksum)s, %(timescale)s)
