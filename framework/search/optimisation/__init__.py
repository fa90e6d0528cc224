"""Optimisation: a search for points of a space, and the comparison of samplers.

optimisation  all searches of an experiment
plan          each sampler on each objective with each seed, checked before anything is made
evaluations   what one trial does, and all of them collected
results       the cube
table         each sampler against random search
outcome       what is left behind, and its files
records       what a tracker is told
"""
