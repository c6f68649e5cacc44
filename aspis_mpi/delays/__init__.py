"""How long workers take for their files, and which of them fall silent."""
