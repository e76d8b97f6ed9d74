"""YAML text → `Architecture`: a frozen tree of steps, each with its place in the user's file."""
