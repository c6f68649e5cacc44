"""What payloads are made of, asked after they have arrived."""
