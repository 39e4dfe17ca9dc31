select version, checksum, timescale from feederline.migration order by version
