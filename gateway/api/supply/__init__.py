"""What supply was: its accounts, corrections of them, and outages that are announced."""
