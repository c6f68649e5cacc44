"""Sets of images: official files, prepared once, mapped by all ranks."""
