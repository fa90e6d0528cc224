"""A registry is a folder of one-item files; search-space annotations; which sources decide a number."""
