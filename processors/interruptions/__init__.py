"""What interruptions do to customers: spells without supply, reliability indices, accounts and targets.

Pure functions of columns.
"""
