"""Names → files: where architectures are found."""
