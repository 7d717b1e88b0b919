"""Bytes → rows of text with their place in the file. No AWS, no database."""
