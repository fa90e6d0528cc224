"""Is the latent space alive: collapse audit, isotropy."""
