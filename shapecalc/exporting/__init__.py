"""Networks as code of other tools: their blocks become classes again, whose source is a person's."""
