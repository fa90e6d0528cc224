"""Where work runs: `executor` is the contract, `choice` picks who fulfils it.

- `executor`: pieces of work, their outcomes, and the contract of what computes them
- `here`: in this process, one after the other
- `processes`: in processes of this machine
- `cluster`: on the workers of a Dask cluster
- `cluster_worker`: what a worker there does
- `command`: which command a process works for
- `choice`: from `--workers` and `--scheduler` to one of the three
"""
