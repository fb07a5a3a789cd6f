"""What a person reads of a migration: a report of it, and what must be rebuilt by hand."""
