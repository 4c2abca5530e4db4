"""What an olive-config.json does: fine-tune, merge, convert, measure.

Importing this package, and every command that does not train, loads no ML library.
"""
