"""Questions about payloads, asked after they have arrived."""
