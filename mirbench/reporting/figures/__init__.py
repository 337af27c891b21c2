"""Figures: comparisons, sweeps, curves over severities. Readable in grey.

In: what a report has gathered from run folders. Out: PNG, PDF and SVG files.
"""
