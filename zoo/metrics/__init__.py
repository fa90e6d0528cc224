"""One file, one metric beyond those of `framework.metrics`."""
