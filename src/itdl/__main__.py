"""`python -m itdl`: see `itdl.cli`."""

import sys

from itdl.cli import main

sys.exit(main())
