"""Everything that imports mlflow."""
