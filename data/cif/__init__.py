"""Crystal structures from CIF files: read as they are meant, or refused with the reason.

- `structures`: what each block of a CIF text holds; the checks that every structure passes.
- `files`: CIF files by path, many CIF texts at once, kept in the cache.
- `folders`: the CIF files of a folder or archive.
- `text`: the syntax, tags and values of each block; numbers.
- `symmetry`: the operations that a block lists or names.
- `settings`: the 530 settings of the space groups, by every name that is in use.
- `operations`: 'x, y, z' and its like as matrices; whether they form a group.
- `atoms`: the element, place and occupancy of each listed atom.
- `cell`: the unit cell, its sites by symmetry, and how near they are.
- `formula`: the formula that a block states, against the sites that it holds.
"""
