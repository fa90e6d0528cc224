"""One file, one objective of a search for points."""
