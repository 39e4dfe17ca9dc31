"""The reliability report of a month, a quarter or a year: one HTML file that prints well, and its tables as CSV."""
