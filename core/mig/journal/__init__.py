"""The journal: what was extracted, what was decided, what was sent, and the proof of it."""
