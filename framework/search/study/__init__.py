"""An Optuna study that survives a kill.

study             opened or created, continued only with the content that it began with
plan              what a study searches and how
trials            slots, and which trials count
work              one worker: trial after trial, dead ones replaced
ownership         whose trial it is, and whether that process lives
sampling          samplers and pruners that go by a trial's slot
storage, journal  a database or a file of lines
locks             between processes, released when their holder dies
optuna_internals  the private parts of Optuna that are used, in one place
"""
