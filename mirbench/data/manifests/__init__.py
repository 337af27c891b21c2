"""Somebody's own data: a table with a `path` column, or a folder of audio, as a data set.

In: CSV, TSV, JSON lines, Parquet or a folder. Out: a `Dataset`; what is wrong with a row, with its line.
"""
