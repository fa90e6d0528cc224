"""One file, one published system, its figures recomputed."""
