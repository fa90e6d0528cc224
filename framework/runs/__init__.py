"""One run: planned, executed, kept in its folder, opened again."""
