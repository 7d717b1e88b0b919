"""Columns instead of rows: the record model compiled to Polars expressions.

What is here may only accept. A row that it does not accept is read by pydantic, which alone refuses a row and words
why; `tests/unit/test_columnar.py` holds both ways to the same results.
"""
