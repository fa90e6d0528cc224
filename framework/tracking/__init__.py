"""Everything that imports mlflow: `tracker` fulfils `framework.contracts.tracker` with it.

client     the store opened, and values as MLflow takes them
runs       parent and child runs: begun, found again, cleared of what killed processes left
winner     the winner of a work as a model that MLflow serves
served_model  that model
recorded   a run of the store, fetched with its files
store      which store it is, whether it can be used (without mlflow)
places     where a store's files lie, after its folder was moved (without mlflow)
ui         the process of MLflow's user interface (without mlflow)
"""
