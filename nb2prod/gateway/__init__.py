"""Gateway: the process that owns a notebook's port and forwards to the releases behind it."""
