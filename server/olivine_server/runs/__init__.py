"""Runs, from the editor: started, followed, stopped, resumed and found again.

The server is a spectator with a remote control. A run is a process of its own that needs nobody; all that is known of
it is in its folder (`olivine_schemas.ledger`), and what this server starts, another server or a terminal could have.
"""
