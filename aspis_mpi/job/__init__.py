"""What a job file may say, and what it says."""
