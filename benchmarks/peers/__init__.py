"""What a user would use in place of the supervisor, each written honestly."""
