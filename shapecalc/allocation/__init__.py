"""What torch's kernels allocate, keep for the way back and let go: bytes, in order."""
