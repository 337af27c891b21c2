"""Clips: their splits and labels, what is found wrong with them, and what is known of their files between runs.

In: folders and files that people have. Out: `Clip` records, samples as arrays, and findings as sentences.
"""
