"""The first step: settings and plugins to a frozen record of everything that a run is of.

In: a `RunConfig`, a registry and the folder of the cache. Out: a `Resolved` record, or one sentence that says why not.
"""
