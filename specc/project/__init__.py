"""Many specs, as a team keeps them: configuration, which files are meant, one check of all of them."""
