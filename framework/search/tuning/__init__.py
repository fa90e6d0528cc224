"""Tuning: a search for the settings of an encoder."""
