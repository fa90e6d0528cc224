"""The model zoo: everything here has a name that an experiment can give."""
