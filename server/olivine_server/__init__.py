"""How an editor talks to Olivine: the language server. Start it with `python -m olivine_server`."""
