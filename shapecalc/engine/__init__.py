"""Architecture × inputs → `Analysis`: rows in execution order, with the conditions of their sizes."""
