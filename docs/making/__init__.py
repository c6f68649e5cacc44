"""What Sphinx and the tests make of the code: references, table, pictures."""
