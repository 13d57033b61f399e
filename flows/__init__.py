"""When it happens, where data comes from and where it goes."""
