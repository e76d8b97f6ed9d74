"""How results look: tables, trees, Markdown, CSV, JSON. The only code that imports rich; it computes nothing."""
