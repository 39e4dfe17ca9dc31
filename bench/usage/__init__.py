"""How well anomalous usage is found: thefts, and what honest people do, in a year of customers below transformers.

    python -m bench.usage                         the tables (feederline bench usage)
    python -m bench.usage --seeds 7,8 --shapes simulator --customers 3000 --sentences
    python -m bench.usage --quick

shapes.py: daily shapes, the simulator's or simbench's; population.py: who they are and what they use; thefts.py: what
is stolen and what the meters show; play.py: day by day through the code of the gateway's book; score.py: what counts;
million.py: how long a day of a million customers takes. bench/vee has validation and estimation.
"""

from bench.usage.sweep import run
from bench.usage.table import show

__all__ = ["run", "show"]
