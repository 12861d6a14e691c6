"""`python -m poser` is `poser`."""

import sys

from poser.cli import main

sys.exit(main())
