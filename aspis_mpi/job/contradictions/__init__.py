"""Parts of a job that do not go together, and what to set instead.

Each function raises a `JobError` that names the key, its value and a way out.
"""
