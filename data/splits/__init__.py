"""One file, one way to hold out."""
