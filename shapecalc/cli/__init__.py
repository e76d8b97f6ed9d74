"""The command line: a command parses, calls, renders, and gives its exit code."""
