pytest_plugins = ["awesome_cli.testing"]
