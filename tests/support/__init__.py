"""Jobs, liars, launchers and imitations that several tests share."""
