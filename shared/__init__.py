"""What every function shares: the domain, the formats, the use cases and the adapters."""

import os

# Polars' allocator keeps for a minute what a batch of rows has freed, because the next one needs as much again; to ask
# the kernel anew takes a twentieth of a load. It reads this when Polars is first imported, and Lambda, whose variables
# begin with a letter, cannot be told to set it.
os.environ.setdefault("_RJEM_MALLOC_CONF", "dirty_decay_ms:60000,muzzy_decay_ms:60000")
