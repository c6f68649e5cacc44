"""The time that workers take for their files, and their silence."""
