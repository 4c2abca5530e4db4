"""The Olive config language: text in, plain data out.

No file system, no clock, no ML package and no editor protocol: what lies outside the text is handed in as facts.
"""
