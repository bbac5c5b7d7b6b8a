"""The command line: turns arguments into calls of the rooms below, and their answers into text or JSON."""
