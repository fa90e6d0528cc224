"""The engine: names no concrete model, data set, representation or task.

`base`, `contracts`, `registry`, `config` and `metrics` are plain and start at once; the public
names are those of `phasezoo`.
"""
