"""What was asked for: YAML files, --set and flags as one checked record, and the options of encoders.

In: text that people wrote. Out: a `RunConfig`, or one sentence that names what is wrong and what would be right.
"""
