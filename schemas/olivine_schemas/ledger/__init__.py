"""The runs of a workspace: folders on disk that whoever runs, watches or ends a run reads and writes.

There is no daemon. A run's process writes its own folder; any number of watchers read it. A process that ended without
saying so is noticed by the next reader. Nothing here imports more than psutil and filelock.
"""
