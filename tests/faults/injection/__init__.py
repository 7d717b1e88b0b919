"""What makes things go wrong on purpose, around the local stack and without its help."""
