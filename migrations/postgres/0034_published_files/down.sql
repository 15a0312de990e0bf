DROP TABLE published_files;
