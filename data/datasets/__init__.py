"""One file, one data set or reader."""
