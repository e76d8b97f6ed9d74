"""How results look: tables, Markdown, CSV, JSON. The only code that imports rich; it computes nothing."""
