"""One run: planned, executed, its folder on disk, opened again.

execution   prepare -> fit -> score -> evaluate -> audit -> a folder
run         what a run is: settings, and their digest as its name
plan        all runs of an experiment, checked
components  from names and settings to checked content, and from that to objects
data        the data set that a user means: a name or a file
items       what a task makes of a data set, and its parts
files       the user's files that settings name
cell        the results of a run
finished    finished runs by name
settings    the settings of a finished run
context     what a split allows an encoder to know beside its samples
records     what a tracker is told of data and settings
reads       what was read of a file, used and left out
saved       a finished run opened again
"""
