"""The verbs, one file each: what the command line and a notebook both call, and what it prints.

main        the app and its entry point
options     options that several verbs share
printing    tables, the leaderboard, and where everything is
opened      the finished run that a verb was given
models, data, run, benchmark, tune, optimise, published, rank, audit, reproduce, ui, check
            the verbs
"""
