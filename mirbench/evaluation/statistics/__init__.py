"""What a score or a difference is worth: intervals, tests, and robustness over corruptions.

In: a value and what it is in each resample. Out: intervals, p-values, corruption errors.
"""
