"""Ranking, regression and classification metrics, their bootstrap intervals, hypervolume."""
