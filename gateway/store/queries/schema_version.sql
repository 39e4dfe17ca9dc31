select max(version) from feederline.migration
