"""The crypto index on the command line: its rule books and its history."""
