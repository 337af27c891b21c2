"""A frozen set: the test clips of a data set, clean and corrupted, as files with checksums, for people who evaluate elsewhere.

Settings and plugins come in (`frozen_set.py`); out goes a folder that is whole, or that the same command goes on with (`writing.py`).
"""
