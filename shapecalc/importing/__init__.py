"""Networks from elsewhere, as architectures: a torch module is run once, and its calls become a file."""
