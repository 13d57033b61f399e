"""Writers: the event log, the checkpoint, the history and the archive."""
