"""Pictures of networks: the boxes and lines that one has, where they stand, and the forms that have them."""
