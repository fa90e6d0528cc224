"""One file, one predictor or classifier."""

DEFAULT = "gradient_boosting_classifier"
"""Tells classes of element sets where no classifier is named."""
