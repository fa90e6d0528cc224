"""Tuning: a search for the settings of an encoder.

tuning   the search and its end on the hold-out
plan     what is searched, and the run that its trials vary
space    from annotations to Optuna's distributions
trial    what one trial does
outcome  the trials, the winner, its gain, and what of it depends on timing
records  what a tracker is told
"""
