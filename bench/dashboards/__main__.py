"""python -m bench.dashboards: the same as `feederline bench dashboards`."""

from __future__ import annotations

import sys

from bench.dashboards import main

main(sys.argv[1:])
