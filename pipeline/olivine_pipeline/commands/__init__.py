"""The commands of the program, one module each.

`configure(parser)` declares the arguments, `execute(args)` returns the exit code.
A module is imported only when its command is chosen, and imports what is slow only inside `execute`.
"""
