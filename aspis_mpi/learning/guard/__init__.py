"""Guards around code of the user's: nothing it does wrong is silent."""
