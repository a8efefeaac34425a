"""Settings: the config file, and which source wins."""
