"""Virtual time for the real engine: scenarios, and replay over history."""
