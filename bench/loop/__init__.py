"""The closed loop: from the first last gasp of a transformer to the first webhook about it, accepted.

    python -m bench.loop                                        the figures (feederline bench loop)
    python -m bench.loop --minutes 5 --rate 100 --readings 500
    python -m bench.loop --url URL                              on another server; an empty database

`feederline run` as its own process, a real broker and PostgreSQL that syncs to disk, and a desk that verifies
signatures. field.py: what meters send; trace.py: when each outage came to where; raw.py: the raw limit.
"""

from bench.loop.run import run

__all__ = ["run"]
