drop table reading_staging
