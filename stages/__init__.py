"""What follows from the data: pure functions from frames to frames."""
