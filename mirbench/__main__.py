"""`python -m mirbench`, which is the command `mirbench`."""

import sys

from mirbench.cli import main

if __name__ == "__main__":
    sys.exit(main())
