"""The engine: extract, decide, deliver. Nothing here knows a platform."""
