"""What is measured: a module each, with its `CASES` by name. Each is imported in a process of its own."""
