"""Bytes to samples: what a file holds, whether it is whole, and any part of it at any rate.

In: a path, seconds, a rate in Hz. Out: (samples,) float32, or an `AudioError` that says what is wrong with the file.
"""
