"""The verbs: what the command line and a notebook both call, and what is printed."""
