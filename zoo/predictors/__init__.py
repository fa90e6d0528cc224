"""One file, one predictor or classifier."""

DEFAULT = {"name": "gradient_boosting_classifier", "trees": 100, "learning_rate": 0.1}
"""Tells classes of element sets where no classifier is named: half the trees of its own default, at
twice the rate, since hundreds of thousands of sets are asked for."""
