"""The same recording twice: fingerprints of clips, and which of them match.

In: clips. Out: pairs that are one file or one recording, whatever their format, loudness or cut.
"""
