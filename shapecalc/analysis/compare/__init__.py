"""Networks held against each other, against their files' figures, and against torch's."""
