"""Start-up: what the command line needs before anything else, and which may therefore import next to nothing."""
