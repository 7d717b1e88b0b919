"""What every function shares: the domain, the formats, the use cases and the adapters."""
