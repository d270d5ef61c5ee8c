"""What agents, the unsealer and the remediator say to each other, and how it is signed and closed."""
