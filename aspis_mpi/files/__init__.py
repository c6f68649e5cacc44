"""Files of the user: texts, tables, and what tells them apart."""
