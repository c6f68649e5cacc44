"""Logs as tables for other tools: a folder of CSV or Parquet files.

`exporting` reads logs and writes the folder, which is there whole or not at
all (`place`).  `as_csv` and `as_parquet` each write a table, `guide` says in
the folder what stands where.
"""
