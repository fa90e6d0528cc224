"""Strict YAML, and the schemas of experiment, tuning, optimisation and published figures."""
