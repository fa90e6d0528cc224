"""One file, one source of candidates."""
