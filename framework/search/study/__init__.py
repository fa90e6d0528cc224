"""A study: an Optuna search that survives a kill, its storage, its samplers, who works on it."""
