"""Whether mirbench can work here: what is installed, the place where it writes, plugins, data sets, and how fast it is.

In: a registry, a folder for the cache and one for results. Out: checks, each with a sentence and, of a trouble, the line that mends it.
"""
