"""Published data sets as people have them on disk: where they lie, whether they are whole, their tables.

In: the files that a data set says it has, and a data root. Out: folders, counts and checksums that match or do not.
"""
