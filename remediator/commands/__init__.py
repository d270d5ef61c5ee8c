"""The client side of the command line: one module per command, each with add_parser and run."""
