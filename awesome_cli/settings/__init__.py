"""Settings: profiles, and the config file that they are stored in."""
