"""`phasezoo explain`."""


def command() -> None: ...
