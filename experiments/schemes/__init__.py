"""Every scheme against every attack on MNIST, with what it costs."""
