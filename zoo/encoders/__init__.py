"""One file, one encoder."""

DEFAULT = "rank_average"
"""Ranks phase fields where no encoder is named: the best of `experiments/phase_field_benchmark.yaml`."""

QUICK = "reported_neighbourhood"
"""The same where an encoder is fitted twice, or scores hundreds of changed fields."""
