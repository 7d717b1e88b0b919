"""The use cases: one module for each function folder, and the ports they need."""
