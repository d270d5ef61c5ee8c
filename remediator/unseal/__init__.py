"""The process that alone can open sealed configs: no network, one key, one reason to act."""
