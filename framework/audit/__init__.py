"""Is the latent space alive? The audit that follows every fit.

audit       asks a fitted encoder, and gives the verdict
quantities  what is measured, and what an audit keeps
scores      of the plausibility score: norm, frequency, combinations
network     of a network: reconstruction, noise, dead units, latent space
isotropy    of clusters of a latent space
"""
