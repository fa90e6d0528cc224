"""Optimisation: a search for points of a space, and the comparison of samplers."""
