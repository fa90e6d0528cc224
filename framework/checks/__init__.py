"""The contract suites behind `phasezoo check` and the tests."""
