"""One file, one predictor or classifier."""
