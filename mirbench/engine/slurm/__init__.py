"""What runs jobs on a cluster by Slurm, through submitit.

In: a graph of jobs, and a function that makes jobs of it by their keys in a process of its own. Out: the same folders in the same store,
which the nodes share.
"""
