"""Materials: where they come from, and how they are shown to an encoder."""
