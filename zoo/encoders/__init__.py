"""One file, one encoder."""
