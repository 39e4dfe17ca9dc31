"""`python -m gateway` is `feederline`."""

from gateway.cli import main

main()
