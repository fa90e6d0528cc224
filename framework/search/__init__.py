"""Searches: tuning of an encoder's settings, optimisation of points, and the studies behind both.

study         an Optuna study that survives a kill: its plan, trials, storage, samplers, workers
tuning        settings of an encoder, chosen on validation and scored once on the hold-out
optimisation  points of a space: samplers against random search, under one budget
workers       the processes that work on one study
"""
