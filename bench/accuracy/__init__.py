"""How well outages are found: random scenarios on networks with customers, at delivery rates of last gasps from 0.2.

    python -m bench.accuracy                                    the table (feederline bench accuracy)
    python -m bench.accuracy --scenarios 40 --p 0.3 --network district --misses
    python -m bench.accuracy --network district --kind fuse --seed 17 --p 0.3 --verbose

`--misses` lists what went wrong with the seed that shows it again; `--verbose` tells one scenario in full: what was so,
every signal, question and conclusion. networks.py: the trees; scenarios.py: what is so; hearing.py: what is heard of
it; play.py: the detector is fed and answered; score.py: what counts as found.
"""

from bench.accuracy.sweep import run
from bench.accuracy.table import show

__all__ = ["run", "show"]
