"""Tables as Markdown, LaTeX and CSV, with the notes below them.

In: what a report has gathered from run folders. Out: text.
"""
