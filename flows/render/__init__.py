"""What people and programs get to see of a run: tables, Markdown, JSON; every foreign text escaped."""
