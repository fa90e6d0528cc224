"""One file, one representation."""
