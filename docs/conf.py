import importlib.metadata

project = "mig"
copyright = "the mig authors"
release = importlib.metadata.version("mig-desk")
extensions = ["myst_parser"]
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3
html_theme = "furo"
html_title = "mig"
exclude_patterns = ["_build", "examples", "mapping-table.md", "switches.md"]
# The API pages are fact sheets with tables and shorthand of their own; their odd headings are no fault of the docs.
suppress_warnings = ["myst.header", "myst.xref_missing", "misc.highlighting_failure"]
