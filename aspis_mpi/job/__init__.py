"""Job files: what they may say, and the job that one of them describes."""
