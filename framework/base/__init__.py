"""What every wing may use: errors, files that appear whole, progress, digests, database addresses."""
