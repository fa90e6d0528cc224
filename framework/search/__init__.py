"""Studies that survive a kill; tuning of settings; optimisation of points."""
