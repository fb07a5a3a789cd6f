"""For plugin authors: the conformance kit, record strategies, failpoints and what every sandbox needs.

Nothing in `mig` imports this package; it needs the extra `testing` (hypothesis, pytest).
"""
