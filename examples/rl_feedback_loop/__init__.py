"""A service whose model router learns from its users: real models, images whose quality changes midway, noisy opinions."""
