"""What is read off an analysis: which inputs work, where figures come from, what must be held at once."""
