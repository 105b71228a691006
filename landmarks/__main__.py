"""`python -m landmarks` is the program `landmarks`."""

import sys

from landmarks.commands.program import main

if __name__ == "__main__":
    sys.exit(main())
