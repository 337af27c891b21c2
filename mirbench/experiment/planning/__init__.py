"""The second step: from what was resolved to a graph of jobs. No registry, and no disk.

In: a `Resolved` record. Out: a `RunGraph`, which `--plan` describes and the engine makes.
"""
