"""Which input sizes a network takes, and which give a wanted output."""
