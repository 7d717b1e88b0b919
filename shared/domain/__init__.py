"""Pure rules of the business: no AWS, no database, nothing of ours imported."""
