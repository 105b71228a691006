"""See `landmarks review --help`."""

import sys

from landmarks.commands.review import main

if __name__ == "__main__":
    sys.exit(main())
