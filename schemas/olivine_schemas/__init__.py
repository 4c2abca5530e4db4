"""What server and pipeline share: the Olive config language, and what runs tell and keep.

No ML package and no editor protocol. The language is text in, plain data out: what lies outside the text is handed in
as facts. Only `disk_facts`, `ledger` and `files` touch the disk.
"""
