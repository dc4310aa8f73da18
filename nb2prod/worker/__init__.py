"""Worker: what runs beside the user's code in a stage's process, and what it takes from others and hands on."""
