"""The commands: what is typed, and the words that people read.

In: arguments and configuration files. Out: text on the terminal and an exit code; nothing that another program would want.
"""

from mirbench.cli.app import main as main
