"""A file for each counting tool: its weights, its rules, its faults, and where they stand in its code."""
