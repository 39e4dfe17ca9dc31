create temporary table reading_staging (like feederline.reading) on commit drop
