"""What has arrived in a step, as each kind of transfer keeps it."""
