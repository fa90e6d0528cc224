"""One file, one encoder."""

DEFAULT = "reported_neighbourhood"
"""Ranks phase fields where no encoder is named: the best of `experiments/phase_field_benchmark.yaml`."""
