"""Tables as Markdown, LaTeX, HTML and CSV.

In: frames as the CSV files of a run folder have them. Out: a Table, which writes itself.
"""
